package scheduler

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
)

// countBudgets writes the status of every budget, as the disruption controller does
// (pkg/controller/disruption): preemption prefers victims whose budgets allow it.
func (s *store) countBudgets() error {
	for _, budget := range list[policyv1.PodDisruptionBudget](s) {
		status, err := s.budgetStatus(budget)
		if err != nil {
			return fmt.Errorf("budget %s: %w", keyOf(budget), err)
		}
		if !equality.Semantic.DeepEqual(status, budget.Status) {
			counted := budget.DeepCopy()
			counted.Status = status
			s.put(counted)
		}
	}
	return nil
}

func (s *store) budgetStatus(budget *policyv1.PodDisruptionBudget) (policyv1.PodDisruptionBudgetStatus, error) {
	status := policyv1.PodDisruptionBudgetStatus{ObservedGeneration: budget.Generation}
	selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
	if err != nil {
		return status, err
	}
	var pods []*v1.Pod
	for _, pod := range list[v1.Pod](s) {
		if pod.Namespace == budget.Namespace && selector.Matches(labels.Set(pod.Labels)) {
			pods = append(pods, pod)
			if podutil.IsPodReady(pod) {
				status.CurrentHealthy++
			}
		}
	}
	scale, scaled := s.scaleOf(pods)
	expected, desired := int32(len(pods)), int32(0)
	switch {
	case budget.Spec.MaxUnavailable != nil:
		unavailable, err := intstr.GetScaledValueFromIntOrPercent(budget.Spec.MaxUnavailable, int(scale), true)
		if err != nil {
			return status, err
		}
		expected, desired = scale, max(scale-int32(unavailable), 0)
	case budget.Spec.MinAvailable != nil && budget.Spec.MinAvailable.Type == intstr.Int:
		desired, scaled = budget.Spec.MinAvailable.IntVal, true
	case budget.Spec.MinAvailable != nil:
		available, err := intstr.GetScaledValueFromIntOrPercent(budget.Spec.MinAvailable, int(scale), true)
		if err != nil {
			return status, err
		}
		expected, desired = scale, int32(available)
	}
	if !scaled {
		// A controller that does not say how many pods there should be: the sync fails, nothing is allowed.
		return policyv1.PodDisruptionBudgetStatus{ObservedGeneration: budget.Generation}, nil
	}
	status.ExpectedPods, status.DesiredHealthy = expected, desired
	if expected > 0 {
		status.DisruptionsAllowed = max(status.CurrentHealthy-desired, 0)
	}
	return status, nil
}

// scaleOf sums up what the controllers of these pods should run; pods without a controller do not count.
// False where a controller has no such number, as DaemonSets and Jobs.
func (s *store) scaleOf(pods []*v1.Pod) (int32, bool) {
	wanted := map[types.UID]int32{}
	for _, set := range list[appsv1.ReplicaSet](s) {
		wanted[set.UID] = *set.Spec.Replicas
	}
	for _, set := range list[appsv1.StatefulSet](s) {
		wanted[set.UID] = *set.Spec.Replicas
	}
	counted, sum := map[types.UID]bool{}, int32(0)
	for _, pod := range pods {
		owner := metav1.GetControllerOf(pod)
		if owner == nil {
			continue
		}
		scale, known := wanted[owner.UID]
		if !known {
			return 0, false
		}
		if !counted[owner.UID] {
			counted[owner.UID] = true
			sum += scale
		}
	}
	return sum, true
}
