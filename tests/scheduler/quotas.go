package scheduler

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/kubernetes/pkg/quota/v1/evaluator/core"
	"k8s.io/utils/clock"
)

var podQuota = core.NewPodEvaluator(nil, clock.RealClock{})

// checkQuotas is what the admission plugin ResourceQuota does for a new pod
// (`CheckRequest` in k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go). What is used is counted anew.
func (s *store) checkQuotas(pod *v1.Pod) error {
	for _, limits := range list[v1.ResourceQuota](s) {
		matches, err := podQuota.Matches(limits, pod)
		if err != nil || limits.Namespace != pod.Namespace || !matches {
			continue
		}
		hard := quota.ResourceNames(limits.Spec.Hard)
		if err := podQuota.Constraints(podQuota.MatchingResources(hard), pod); err != nil {
			return fmt.Errorf("failed quota: %s: %w", limits.Name, err)
		}
		asked, err := podQuota.Usage(pod)
		if err != nil {
			return err
		}
		asked = quota.Mask(asked, hard)
		used, err := s.quotaUsed(limits)
		if err != nil {
			return err
		}
		wanted := quota.Mask(quota.Add(used, asked), quota.ResourceNames(asked))
		if fits, exceeded := quota.LessThanOrEqual(wanted, limits.Spec.Hard); !fits {
			return fmt.Errorf("exceeded quota: %s: %v", limits.Name, exceeded)
		}
	}
	return nil
}

// quotaUsed is what the pods that a quota covers use.
func (s *store) quotaUsed(limits *v1.ResourceQuota) (v1.ResourceList, error) {
	used := v1.ResourceList{}
	for _, pod := range list[v1.Pod](s) {
		matches, err := podQuota.Matches(limits, pod)
		if err != nil {
			return nil, err
		}
		if pod.Namespace != limits.Namespace || !matches {
			continue
		}
		usage, err := podQuota.Usage(pod)
		if err != nil {
			return nil, err
		}
		used = quota.Add(used, usage)
	}
	return quota.Mask(used, quota.ResourceNames(limits.Spec.Hard)), nil
}

// countQuotas writes the status of every quota, as the quota controller does.
func (s *store) countQuotas() error {
	for _, limits := range list[v1.ResourceQuota](s) {
		used, err := s.quotaUsed(limits)
		if err != nil {
			return err
		}
		status := v1.ResourceQuotaStatus{Hard: limits.Spec.Hard, Used: used}
		if !quota.Equals(used, limits.Status.Used) || !quota.Equals(status.Hard, limits.Status.Hard) {
			counted := limits.DeepCopy()
			counted.Status = status
			s.put(counted)
		}
	}
	return nil
}
