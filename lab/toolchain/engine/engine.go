//go:build tools

// Package engine pins the Pulumi engine that the lab builds where the official one can't be downloaded.
package engine

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
