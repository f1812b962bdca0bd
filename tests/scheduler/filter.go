package scheduler

import (
	"context"
	"fmt"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// filterAnswer says, for every pod that was asked about, which plugins refuse which nodes. Each plugin is asked
// on its own, so that none hides another. Nodes that a plugin lets pass are not listed.
type filterAnswer struct {
	Nodes []string      `json:"nodes"`
	Pods  []filteredPod `json:"pods"`
}

type filteredPod struct {
	Pod string `json:"pod"`
	// Plugins maps the name of a plugin to the nodes that it refuses.
	Plugins map[string]map[string]verdict `json:"plugins"`
}

// filter asks all filter plugins of the default profile about all pairs of a pod of the request and a node. The
// pods are not part of the cluster; they are as the API server would have stored them.
func filter(t *testing.T, asked *request) (*filterAnswer, error) {
	objects, err := decodeAll(asked.Objects)
	if err != nil {
		return nil, err
	}
	pods, err := decodeAll(asked.Pods)
	if err != nil {
		return nil, err
	}
	return inBubble(t, func() (*filterAnswer, error) {
		c, err := newIdleCluster(objects, asked.Seed)
		if err != nil {
			return nil, err
		}
		defer c.close()
		return c.filter(pods)
	})
}

// updateSnapshot lets the scheduler look at the cluster, as it does before each pod.
func (c *cluster) updateSnapshot() error {
	lister := c.scheduler.Profiles[v1.DefaultSchedulerName].SnapshotSharedLister()
	snapshot, ours := lister.(*cache.Snapshot)
	if !ours {
		return fmt.Errorf("the scheduler's snapshot is a %T", lister)
	}
	return c.scheduler.Cache.UpdateSnapshot(klog.Logger{}, snapshot)
}

func (c *cluster) filter(pods []object) (*filterAnswer, error) {
	profile := c.scheduler.Profiles[v1.DefaultSchedulerName]
	if err := c.updateSnapshot(); err != nil {
		return nil, err
	}
	nodes, err := profile.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		return nil, err
	}
	answer := &filterAnswer{Nodes: []string{}, Pods: []filteredPod{}}
	for _, node := range nodes {
		answer.Nodes = append(answer.Nodes, node.Node().Name)
	}
	for _, item := range pods {
		pod, isPod := item.(*v1.Pod)
		if !isPod {
			return nil, fmt.Errorf("%s is asked about, but is not a pod", keyOf(item))
		}
		asked := filteredPod{Pod: keyOf(pod), Plugins: map[string]map[string]verdict{}}
		for _, plugin := range profile.EnqueueExtensions() {
			if filter, filters := plugin.(fwk.FilterPlugin); filters {
				asked.Plugins[plugin.Name()] = refused(filter, pod, nodes)
			}
		}
		answer.Pods = append(answer.Pods, asked)
	}
	return answer, nil
}

// refused runs one plugin as the framework does: PreFilter once, then Filter per node unless it is skipped.
func refused(plugin fwk.FilterPlugin, pod *v1.Pod, nodes []fwk.NodeInfo) map[string]verdict {
	ctx, state, found := context.Background(), framework.NewCycleState(), map[string]verdict{}
	var only sets.Set[string]
	if first, has := plugin.(fwk.PreFilterPlugin); has {
		result, status := first.PreFilter(ctx, state, pod, nodes)
		if status.IsSkip() {
			return found
		}
		if !status.IsSuccess() {
			for _, node := range nodes {
				found[node.Node().Name] = verdictOf(status)
			}
			return found
		}
		if !result.AllNodes() {
			only = result.NodeNames
		}
	}
	for _, node := range nodes {
		name := node.Node().Name
		if only != nil && !only.Has(name) {
			found[name] = verdict{Code: fwk.UnschedulableAndUnresolvable.String(), Reasons: []string{"not a named node"}}
		} else if status := plugin.Filter(ctx, state, pod, node); !status.IsSuccess() {
			found[name] = verdictOf(status)
		}
	}
	return found
}
