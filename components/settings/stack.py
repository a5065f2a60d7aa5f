"""What follows from a stack's name."""

from dataclasses import dataclass

from components.names import PLATFORM_STACK


@dataclass(frozen=True, slots=True)
class StackName:
    """A stack's name, which is also the namespace of what a strategy stack deploys."""

    name: str

    @property
    def is_platform(self) -> bool:
        """Whether this is the stack that the strategy stacks refer to."""
        return self.name == PLATFORM_STACK

    @property
    def consumer_group(self) -> str:
        """What the names of a strategy stack's consumer groups begin with, or are: two stacks of one strategy share
        none.
        """
        return f"bluegreen-{self.name.removeprefix('strategy-')}"
