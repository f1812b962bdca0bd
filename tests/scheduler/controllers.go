package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
	"k8s.io/kubernetes/pkg/controller"
	"k8s.io/kubernetes/pkg/controller/daemon"
	daemonutil "k8s.io/kubernetes/pkg/controller/daemon/util"
)

// workload is one controller of pods and what it does: which pods there should be, and the next ones it
// would create now. A bare pod is a workload that nobody creates again.
type workload struct {
	kind, namespace, name string
	desired               int32
	// surplus returns the pods to delete once the controller looks; nil where there are none ever.
	surplus func(existing []*v1.Pod) []*v1.Pod
	uid     types.UID
	// missing returns the pods (and the claims they need) to create now, given those that exist.
	missing func(s *store, existing []*v1.Pod) ([]*v1.Pod, []*v1.PersistentVolumeClaim, error)
	owns    func(*v1.Pod) bool
}

func (w *workload) key() string { return w.namespace + "/" + w.name }

// workloads lists the controllers of pods in the store. Deployments stand for their ReplicaSets.
func (s *store) workloads() []*workload {
	var found []*workload
	for _, set := range list[appsv1.ReplicaSet](s) {
		found = append(found, replicaSet(set))
	}
	for _, set := range list[appsv1.StatefulSet](s) {
		found = append(found, statefulSet(set))
	}
	for _, set := range list[appsv1.DaemonSet](s) {
		found = append(found, daemonSet(s, set))
	}
	for _, work := range list[batchv1.Job](s) {
		found = append(found, job(work))
	}
	return found
}

func ownedBy(owner object) func(*v1.Pod) bool {
	return func(pod *v1.Pod) bool {
		reference := metav1.GetControllerOf(pod)
		return reference != nil && reference.UID == owner.GetUID()
	}
}

// controlled is a workload of interchangeable pods.
func controlled(
	owner object, kind schema.GroupVersionKind, template *v1.PodTemplateSpec, desired int32,
) *workload {
	return &workload{
		kind: kind.Kind, namespace: owner.GetNamespace(), name: owner.GetName(), uid: owner.GetUID(),
		desired: desired, owns: ownedBy(owner),
		missing: func(s *store, existing []*v1.Pod) ([]*v1.Pod, []*v1.PersistentVolumeClaim, error) {
			var pods []*v1.Pod
			for range int(desired) - len(existing) {
				pod, err := controller.GetPodFromTemplate(template, owner, metav1.NewControllerRef(owner, kind))
				if err != nil {
					return nil, nil, err
				}
				pod.Namespace = owner.GetNamespace()
				pod.Name = pod.GenerateName + suffix(s)
				pods = append(pods, pod)
			}
			return pods, nil, nil
		},
	}
}

// suffix is what the API server appends to generateName.
func suffix(s *store) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	name := make([]byte, 8)
	for i := range name {
		name[i] = letters[s.random.Intn(len(letters))]
	}
	return string(name)
}

func replicaSet(set *appsv1.ReplicaSet) *workload {
	found := controlled(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), &set.Spec.Template, *set.Spec.Replicas)
	if owner := metav1.GetControllerOf(set); owner != nil {
		found.kind, found.name = owner.Kind, owner.Name
	}
	return found
}

// job keeps as many pods as may run at a time: pods of these cases never complete.
func job(work *batchv1.Job) *workload {
	desired := *work.Spec.Parallelism
	if completions := work.Spec.Completions; completions != nil {
		desired = min(desired, *completions)
	}
	return controlled(work, batchv1.SchemeGroupVersion.WithKind("Job"), &work.Spec.Template, desired)
}

// daemonSet wants one pod for each node that the DaemonSet controller finds eligible. It leaves pods on nodes
// that are no longer eligible but for a taint that only keeps new pods away. Pods that wait for a node which is
// gone are deleted at the next occasion: the controller is not told of deleted nodes, but of changes of its pods.
func daemonSet(s *store, set *appsv1.DaemonSet) *workload {
	wanted, tolerated := []string{}, map[string]bool{}
	for _, node := range list[v1.Node](s) {
		run, stay := daemon.NodeShouldRunDaemonPod(klog.Background(), node, set)
		if run {
			wanted = append(wanted, node.Name)
		}
		tolerated[node.Name] = stay
	}
	kind := appsv1.SchemeGroupVersion.WithKind("DaemonSet")
	found := controlled(set, kind, &set.Spec.Template, int32(len(wanted)))
	found.surplus = func(existing []*v1.Pod) []*v1.Pod {
		return slices.DeleteFunc(slices.Clone(existing), func(pod *v1.Pod) bool {
			target, err := daemonutil.GetTargetNodeName(pod)
			return err != nil || tolerated[target]
		})
	}
	found.missing = func(s *store, existing []*v1.Pod) ([]*v1.Pod, []*v1.PersistentVolumeClaim, error) {
		there := map[string]bool{}
		for _, pod := range existing {
			if target, err := daemonutil.GetTargetNodeName(pod); err == nil {
				there[target] = true
			}
		}
		var pods []*v1.Pod
		for _, node := range wanted {
			if there[node] {
				continue
			}
			pod, err := daemonPod(s, set, node)
			if err != nil {
				return nil, nil, err
			}
			pods = append(pods, pod)
		}
		return pods, nil, nil
	}
	return found
}

// daemonPod is the pod of a DaemonSet for one node.
func daemonPod(s *store, set *appsv1.DaemonSet, node string) (*v1.Pod, error) {
	template := daemonutil.CreatePodTemplate(set.Spec.Template, nil, "")
	owner := metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("DaemonSet"))
	pod, err := controller.GetPodFromTemplate(&template, set, owner)
	if err != nil {
		return nil, err
	}
	pod.Namespace, pod.Name = set.Namespace, pod.GenerateName+suffix(s)
	pod.Spec.Affinity = daemonutil.ReplaceDaemonSetPodNodeNameNodeAffinity(pod.Spec.Affinity, node)
	return pod, nil
}

// statefulSet creates by ordinal. With OrderedReady each waits until all before it are ready.
func statefulSet(set *appsv1.StatefulSet) *workload {
	first := int32(0)
	if set.Spec.Ordinals != nil {
		first = set.Spec.Ordinals.Start
	}
	return &workload{
		kind: "StatefulSet", namespace: set.Namespace, name: set.Name, desired: *set.Spec.Replicas,
		owns: ownedBy(set),
		missing: func(s *store, existing []*v1.Pod) ([]*v1.Pod, []*v1.PersistentVolumeClaim, error) {
			var pods []*v1.Pod
			var claims []*v1.PersistentVolumeClaim
			byName := map[string]*v1.Pod{}
			for _, pod := range existing {
				byName[pod.Name] = pod
			}
			for ordinal := first; ordinal < first+*set.Spec.Replicas; ordinal++ {
				pod := byName[fmt.Sprintf("%s-%d", set.Name, ordinal)]
				if pod == nil {
					created, its, err := statefulPod(set, ordinal)
					if err != nil {
						return nil, nil, err
					}
					pods, claims = append(pods, created), append(claims, its...)
				}
				if set.Spec.PodManagementPolicy != appsv1.ParallelPodManagement && !runningAndReady(pod) {
					break
				}
			}
			return pods, claims, nil
		},
	}
}

func runningAndReady(pod *v1.Pod) bool {
	return pod != nil && pod.Status.Phase == v1.PodRunning && podutil.IsPodReady(pod)
}

// statefulPod is newVersionedStatefulSetPod of the StatefulSet controller, which does not export it.
func statefulPod(set *appsv1.StatefulSet, ordinal int32) (*v1.Pod, []*v1.PersistentVolumeClaim, error) {
	reference := metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))
	pod, err := controller.GetPodFromTemplate(&set.Spec.Template, set, reference)
	if err != nil {
		return nil, nil, err
	}
	pod.Namespace, pod.Name = set.Namespace, fmt.Sprintf("%s-%d", set.Name, ordinal)
	pod.Labels[appsv1.StatefulSetPodNameLabel] = pod.Name
	pod.Labels[appsv1.PodIndexLabel] = strconv.Itoa(int(ordinal))
	if revision := set.Status.UpdateRevision; revision != "" {
		pod.Labels[appsv1.StatefulSetRevisionLabel] = revision
	}
	pod.Spec.Hostname, pod.Spec.Subdomain = pod.Name, set.Spec.ServiceName
	var claims []*v1.PersistentVolumeClaim
	volumes := []v1.Volume{}
	for i := range set.Spec.VolumeClaimTemplates {
		claim := set.Spec.VolumeClaimTemplates[i].DeepCopy()
		volume := claim.Name
		claim.Name, claim.Namespace = volume+"-"+pod.Name, set.Namespace
		claim.Labels = maps.Clone(set.Spec.Selector.MatchLabels)
		claims = append(claims, claim)
		source := &v1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name}
		volumes = append(volumes,
			v1.Volume{Name: volume, VolumeSource: v1.VolumeSource{PersistentVolumeClaim: source}})
	}
	for _, volume := range pod.Spec.Volumes {
		if !slices.ContainsFunc(volumes, func(other v1.Volume) bool { return other.Name == volume.Name }) {
			volumes = append(volumes, volume)
		}
	}
	pod.Spec.Volumes = volumes
	return pod, claims, nil
}

// podsOf returns the pods of a workload.
func (s *store) podsOf(w *workload) []*v1.Pod {
	var found []*v1.Pod
	for _, pod := range list[v1.Pod](s) {
		if pod.Namespace == w.namespace && w.owns(pod) {
			found = append(found, pod)
		}
	}
	return found
}

// reconcile lets every controller do its work once: workloads in a random order, then volumes and budgets.
// It is to be called until nothing changes any more.
func (s *store) reconcile() error {
	for _, w := range shuffle(s, s.workloads()) {
		if err := s.reconcileWorkload(w); err != nil {
			return err
		}
	}
	s.bindClaims()
	if err := s.countQuotas(); err != nil {
		return err
	}
	return s.countBudgets()
}

func (s *store) reconcileWorkload(w *workload) error {
	if w.surplus != nil && s.noticed(w.uid) {
		for _, pod := range w.surplus(s.podsOf(w)) {
			s.remove(pod)
		}
	}
	pods, claims, err := w.missing(s, s.podsOf(w))
	if err != nil {
		return fmt.Errorf("%s %s: %w", w.kind, w.key(), err)
	}
	for _, claim := range claims {
		if get[v1.PersistentVolumeClaim](s, claim.Namespace, claim.Name) == nil {
			s.put(claim)
		}
	}
	for _, pod := range pods {
		admitted, err := s.admit(pod)
		if err != nil {
			return err
		}
		if err := s.checkQuotas(admitted); err != nil {
			// The controller tries again later.
			return nil
		}
		s.put(admitted)
	}
	return nil
}
