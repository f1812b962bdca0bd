package scheduler

import (
	"errors"
	"slices"

	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// diagnosis is why a pod was not scheduled, as the scheduler sees it.
type diagnosis struct {
	// message is the text of the pod's PodScheduled condition.
	message string
	// plugins are those that must let go before the pod can be scheduled.
	plugins []string
	// nodes says per node which plugin refused it, and why.
	nodes map[string]verdict
	// rest is the verdict on the nodes that are not listed: a plugin ruled them out unseen.
	rest *verdict
}

// verdict is a plugin's answer about one node.
type verdict struct {
	Plugin  string   `json:"plugin,omitempty"`
	Code    string   `json:"code"`
	Reasons []string `json:"reasons"`
}

func verdictOf(status *fwk.Status) verdict {
	return verdict{status.Plugin(), status.Code().String(), status.Reasons()}
}

func diagnose(status *fwk.Status) diagnosis {
	found := diagnosis{message: status.Message(), nodes: map[string]verdict{}}
	var unfit *framework.FitError
	if !errors.As(status.AsError(), &unfit) {
		return found
	}
	found.plugins = unfit.Diagnosis.UnschedulablePlugins.UnsortedList()
	slices.Sort(found.plugins)
	statuses := unfit.Diagnosis.NodeToStatus
	statuses.ForEachExplicitNode(func(node string, status *fwk.Status) {
		found.nodes[node] = verdictOf(status)
	})
	if statuses.Len() < unfit.NumAllNodes {
		rest := verdictOf(statuses.AbsentNodesStatus())
		found.rest = &rest
	}
	return found
}
