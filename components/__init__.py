"""What is deployed: typed settings and the Pulumi components that a stack is built of.

Layers, each knowing only those to its right: `stacks` (which components make up a stack) -> one module per component ->
`pods` (what every pod of ours has) -> `names` (the names that other parts of this project rely on). `settings` knows
nothing of Pulumi, so that the experiments can read and write the same configuration."""
