package scheduler

import (
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/testing"
)

// newClient returns the client through which the scheduler writes to the store: bindings, conditions of
// pods, preempted pods, volumes and claims. `preempted` is told of every pod that the scheduler deletes.
func newClient(s *store, preempted func(*v1.Pod)) *fake.Clientset {
	client := &fake.Clientset{}
	react := func(verb, resource string, answer func(testing.Action) (runtime.Object, error)) {
		client.AddReactor(verb, resource, func(action testing.Action) (bool, runtime.Object, error) {
			result, err := answer(action)
			return true, result, err
		})
	}
	react("create", "pods/binding", s.bind)
	react("patch", "pods/status", s.patchStatus)
	react("delete", "pods", func(action testing.Action) (runtime.Object, error) {
		pod := get[v1.Pod](s, action.GetNamespace(), action.(testing.DeleteAction).GetName())
		if pod == nil || !s.remove(pod) {
			return nil, missing(action, action.(testing.DeleteAction).GetName())
		}
		preempted(pod)
		return pod, nil
	})
	react("update", "persistentvolumes", s.replace)
	react("update", "persistentvolumeclaims", s.replace)
	react("*", "*", func(action testing.Action) (runtime.Object, error) {
		return nil, fmt.Errorf("the scheduler is not expected to %s %s/%s",
			action.GetVerb(), action.GetResource().Resource, action.GetSubresource())
	})
	return client
}

func missing(action testing.Action, name string) error {
	return apierrors.NewNotFound(action.GetResource().GroupResource(), name)
}

// bind sets the node, copies the node's zone and region onto the pod (admission plugin PodTopologyLabels)
// and lets the pod be ready at once, unless the machine is dead: nothing really runs here.
func (s *store) bind(action testing.Action) (runtime.Object, error) {
	binding := action.(testing.CreateAction).GetObject().(*v1.Binding)
	bound := get[v1.Pod](s, action.GetNamespace(), binding.Name)
	if bound == nil {
		return nil, missing(action, binding.Name)
	}
	if bound.UID != binding.UID || bound.Spec.NodeName != "" {
		return nil, apierrors.NewConflict(action.GetResource().GroupResource(), binding.Name,
			fmt.Errorf("another pod of that name, or bound to %q already", bound.Spec.NodeName))
	}
	pod := bound.DeepCopy()
	pod.Spec.NodeName = binding.Target.Name
	node := get[v1.Node](s, "", binding.Target.Name)
	if node != nil {
		if pod.Labels == nil {
			pod.Labels = map[string]string{}
		}
		for _, key := range []string{v1.LabelTopologyZone, v1.LabelTopologyRegion} {
			if value, labelled := node.Labels[key]; labelled {
				pod.Labels[key] = value
			}
		}
	}
	now := metav1.Now()
	if node != nil && isDead(node) {
		pod.Status.Conditions = []v1.PodCondition{
			{Type: v1.PodScheduled, Status: v1.ConditionTrue, LastTransitionTime: now},
		}
		s.put(pod)
		return binding, nil
	}
	pod.Status.Phase = v1.PodRunning
	pod.Status.StartTime = &now
	pod.Status.Conditions = nil
	for _, condition := range []v1.PodConditionType{
		v1.PodInitialized, v1.PodReady, v1.ContainersReady, v1.PodScheduled,
	} {
		pod.Status.Conditions = append(pod.Status.Conditions,
			v1.PodCondition{Type: condition, Status: v1.ConditionTrue, LastTransitionTime: now})
	}
	s.put(pod)
	return binding, nil
}

func (s *store) patchStatus(action testing.Action) (runtime.Object, error) {
	patch := action.(testing.PatchAction)
	old := get[v1.Pod](s, action.GetNamespace(), patch.GetName())
	if old == nil {
		return nil, missing(action, patch.GetName())
	}
	before, err := json.Marshal(old)
	if err != nil {
		return nil, err
	}
	after, err := strategicpatch.StrategicMergePatch(before, patch.GetPatch(), v1.Pod{})
	if err != nil {
		return nil, err
	}
	pod := &v1.Pod{}
	if err := json.Unmarshal(after, pod); err != nil {
		return nil, err
	}
	if pod.UID != old.UID {
		return nil, apierrors.NewConflict(action.GetResource().GroupResource(), pod.Name,
			fmt.Errorf("the pod was replaced meanwhile"))
	}
	s.put(pod)
	return pod, nil
}

// replace updates a volume or a claim, unless it was changed meanwhile.
func (s *store) replace(action testing.Action) (runtime.Object, error) {
	item := action.(testing.UpdateAction).GetObject().(object)
	var current object
	switch item.(type) {
	case *v1.PersistentVolume:
		if found := get[v1.PersistentVolume](s, "", item.GetName()); found != nil {
			current = found
		}
	case *v1.PersistentVolumeClaim:
		if found := get[v1.PersistentVolumeClaim](s, item.GetNamespace(), item.GetName()); found != nil {
			current = found
		}
	}
	if current == nil {
		return nil, missing(action, item.GetName())
	}
	if current.GetResourceVersion() != item.GetResourceVersion() {
		return nil, apierrors.NewConflict(action.GetResource().GroupResource(), item.GetName(),
			fmt.Errorf("the object has been modified"))
	}
	copied := item.DeepCopyObject().(object)
	s.put(copied)
	return copied, nil
}
