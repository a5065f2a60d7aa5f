// Command pulumi-resource-kubernetes is upstream's Kubernetes provider. The schema that upstream embeds is made by a
// code generator of its repository and is not part of the Go module; it describes the provider to language
// generators and to YAML programs, and programs in Python, which bring the published SDK, run without it.
package main

import "github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"

func main() {
	provider.Serve("kubernetes", "4.25.0", []byte("{}"), nil)
}
