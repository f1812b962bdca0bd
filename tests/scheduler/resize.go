package scheduler

import (
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
)

// resizing is the annotation of pods that are being resized in place once they run: what the kubelet has set aside
// for their first container. With `infeasible` it has said that it never will do what the specification asks for.
const resizing = "example.com/resizing"

type resize struct {
	Allocated  v1.ResourceList `json:"allocated"`
	Actual     v1.ResourceList `json:"actual"`
	Infeasible bool            `json:"infeasible"`
}

// resize writes what a kubelet reports of the pods that are being resized.
func (c *cluster) resize() error {
	for _, pod := range list[v1.Pod](c.store) {
		written := pod.Annotations[resizing]
		if written == "" || pod.Spec.NodeName == "" {
			continue
		}
		var wanted resize
		if err := json.Unmarshal([]byte(written), &wanted); err != nil {
			return fmt.Errorf("pod %s: %w", keyOf(pod), err)
		}
		resized := pod.DeepCopy()
		resized.Status.ContainerStatuses = []v1.ContainerStatus{{
			Name: pod.Spec.Containers[0].Name, AllocatedResources: wanted.Allocated,
			Resources: &v1.ResourceRequirements{Requests: wanted.Actual}, Ready: true,
		}}
		if wanted.Infeasible {
			resized.Status.Conditions = append(resized.Status.Conditions, v1.PodCondition{
				Type: v1.PodResizePending, Status: v1.ConditionTrue, Reason: v1.PodReasonInfeasible,
			})
		}
		c.put(resized)
	}
	return c.settle()
}
