package scheduler

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	api "k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	_ "k8s.io/kubernetes/pkg/apis/scheduling/install"
	_ "k8s.io/kubernetes/pkg/apis/storage/install"
	registry "k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/kubernetes/plugin/pkg/admission/defaulttolerationseconds"
)

var tolerationSeconds = func() *defaulttolerationseconds.Plugin {
	plugin := defaulttolerationseconds.NewDefaultTolerationSeconds()
	plugin.InspectFeatureGates(utilfeature.DefaultFeatureGate)
	return plugin
}()

// admit does to a new pod what the API server does on creation: defaults, the admission plugins Priority
// and DefaultTolerationSeconds, the pod strategy (it merges matchLabelKeys into selectors and marks gated
// pods), validation. The other default admission plugins change nothing that the scheduler looks at.
func (s *store) admit(pod *v1.Pod) (*v1.Pod, error) {
	if err := s.resolvePriority(pod); err != nil {
		return nil, err
	}
	pod.CreationTimestamp = metav1.Now()
	legacyscheme.Scheme.Default(pod)
	internal := &api.Pod{}
	if err := legacyscheme.Scheme.Convert(pod, internal, nil); err != nil {
		return nil, fmt.Errorf("pod %s: %w", keyOf(pod), err)
	}
	ctx := context.Background()
	attributes := admission.NewAttributesRecord(internal, nil, api.Kind("Pod").WithVersion("v1"), pod.Namespace,
		pod.Name, api.Resource("pods").WithVersion("v1"), "", admission.Create, nil, false, nil)
	if err := tolerationSeconds.Admit(ctx, attributes, nil); err != nil {
		return nil, fmt.Errorf("pod %s: %w", keyOf(pod), err)
	}
	registry.Strategy.PrepareForCreate(ctx, internal)
	if wrong := registry.Strategy.Validate(ctx, internal); len(wrong) > 0 {
		return nil, fmt.Errorf("pod %s is not valid: %w", keyOf(pod), wrong.ToAggregate())
	}
	admitted := &v1.Pod{}
	if err := legacyscheme.Scheme.Convert(internal, admitted, nil); err != nil {
		return nil, fmt.Errorf("pod %s: %w", keyOf(pod), err)
	}
	return admitted, nil
}

// resolvePriority is the admission plugin Priority: the class of that name, else the global default.
func (s *store) resolvePriority(pod *v1.Pod) error {
	var class *schedulingv1.PriorityClass
	if name := pod.Spec.PriorityClassName; name != "" {
		if class = get[schedulingv1.PriorityClass](s, "", name); class == nil {
			return fmt.Errorf("pod %s: no PriorityClass with name %s was found", keyOf(pod), name)
		}
	} else {
		for _, candidate := range list[schedulingv1.PriorityClass](s) {
			if candidate.GlobalDefault && (class == nil || candidate.Value < class.Value) {
				class = candidate
			}
		}
	}
	priority, policy := int32(0), v1.PreemptLowerPriority
	if class != nil {
		priority = class.Value
		pod.Spec.PriorityClassName = class.Name
		if class.PreemptionPolicy != nil {
			policy = *class.PreemptionPolicy
		}
	}
	pod.Spec.Priority = &priority
	pod.Spec.PreemptionPolicy = &policy
	return nil
}
