"""The version of the contract between an application and what switches it (`workloads/member/contract.md`).

It changes when an application that keeps the present one would no longer be switched rightly. An application says it in
its status; one that says none speaks version 1, from before there was a word for it.
"""

VERSION = 1
KEY = "contract"
#: The header by which the sidecar says which version it speaks.
HEADER = "Lifecycle-Contract"


class ContractError(ValueError):
    """An application speaks a version that is not spoken here."""


def check(said: object) -> None:
    """Raises `ContractError` when `said`, as the status has it, is another version than this."""
    if said != VERSION or isinstance(said, bool):
        raise ContractError(
            f"the application speaks version {said!r} of the contract, this sidecar version {VERSION}: "
            "deploy a version of either that speaks the other's"
        )
