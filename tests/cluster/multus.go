//go:build multus

// Package cluster only holds what go.mod has to know of: multus is built from its own package.
package cluster

import _ "gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd/multus"
