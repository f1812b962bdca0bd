package scheduler

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"strconv"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// object is any Kubernetes object.
type object interface {
	runtime.Object
	metav1.Object
}

var podType = reflect.TypeFor[*v1.Pod]()

// kinds are the objects that a case may hold, by `kind`.
var kinds = map[string]func() object{
	"CSIDriver":             func() object { return &storagev1.CSIDriver{} },
	"CSINode":               func() object { return &storagev1.CSINode{} },
	"DaemonSet":             func() object { return &appsv1.DaemonSet{} },
	"Deployment":            func() object { return &appsv1.Deployment{} },
	"Job":                   func() object { return &batchv1.Job{} },
	"Namespace":             func() object { return &v1.Namespace{} },
	"Node":                  func() object { return &v1.Node{} },
	"PersistentVolume":      func() object { return &v1.PersistentVolume{} },
	"PersistentVolumeClaim": func() object { return &v1.PersistentVolumeClaim{} },
	"Pod":                   func() object { return &v1.Pod{} },
	"PodDisruptionBudget":   func() object { return &policyv1.PodDisruptionBudget{} },
	"PriorityClass":         func() object { return &schedulingv1.PriorityClass{} },
	"ReplicaSet":            func() object { return &appsv1.ReplicaSet{} },
	"ResourceQuota":         func() object { return &v1.ResourceQuota{} },
	"Service":               func() object { return &v1.Service{} },
	"StatefulSet":           func() object { return &appsv1.StatefulSet{} },
	"StorageClass":          func() object { return &storagev1.StorageClass{} },
}

// decode reads one object, with the API server's defaults.
func decode(raw json.RawMessage) (object, error) {
	var head metav1.TypeMeta
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, err
	}
	empty, known := kinds[head.Kind]
	if !known {
		return nil, fmt.Errorf("objects of kind %q are not known here", head.Kind)
	}
	decoded := empty()
	if err := json.Unmarshal(raw, decoded); err != nil {
		return nil, fmt.Errorf("%s: %w", head.Kind, err)
	}
	legacyscheme.Scheme.Default(decoded)
	return decoded, nil
}

// event is one change of one object: old is nil for a new object, new is nil for a deleted one.
type event struct {
	old, new object
}

func (e event) object() object {
	if e.new != nil {
		return e.new
	}
	return e.old
}

// store holds the objects of a cluster and tells of every change, in order. Objects in it are never
// changed, only replaced.
type store struct {
	mu      sync.Mutex
	changed *sync.Cond
	closed  bool
	version int64
	random  *rand.Rand
	objects map[reflect.Type]map[string]object
	events  []event
	// occasions are the controllers of which a pod changed since they last looked.
	occasions map[types.UID]bool
}

func newStore(seed int64) *store {
	s := &store{random: rand.New(rand.NewSource(seed)), objects: map[reflect.Type]map[string]object{}}
	s.occasions = map[types.UID]bool{}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func keyOf(item metav1.Object) string {
	return item.GetNamespace() + "/" + item.GetName()
}

// put creates or replaces an object. It keeps the object that it is given.
func (s *store) put(item object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	item.SetResourceVersion(strconv.FormatInt(s.version, 10))
	if item.GetUID() == "" {
		item.SetUID(types.UID(fmt.Sprintf("%08x-%04x-4000-8000-%012x",
			s.random.Uint32(), s.random.Intn(1<<16), s.version)))
	}
	kind := reflect.TypeOf(item)
	if s.objects[kind] == nil {
		s.objects[kind] = map[string]object{}
	}
	old := s.objects[kind][keyOf(item)]
	s.objects[kind][keyOf(item)] = item
	s.tell(event{old, item})
}

// remove deletes an object, if it is there.
func (s *store) remove(item object) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := reflect.TypeOf(item)
	old := s.objects[kind][keyOf(item)]
	if old == nil {
		return false
	}
	s.version++
	delete(s.objects[kind], keyOf(item))
	s.tell(event{old, nil})
	return true
}

func (s *store) tell(change event) {
	switch item := change.object().(type) {
	case *v1.Pod:
		if owner := metav1.GetControllerOf(item); owner != nil {
			s.occasions[owner.UID] = true
		}
	case *v1.Node:
		if change.new != nil {
			for _, set := range s.objects[reflect.TypeFor[*appsv1.DaemonSet]()] {
				s.occasions[set.GetUID()] = true
			}
		}
	}
	s.events = append(s.events, change)
	s.changed.Signal()
}

// next waits for the next change; ok is false once the store is closed.
func (s *store) next() (change event, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.events) == 0 && !s.closed {
		s.changed.Wait()
	}
	if s.closed {
		return event{}, false
	}
	change, s.events = s.events[0], s.events[1:]
	return change, true
}

// poll returns the next change, if there is one already.
func (s *store) poll() (change event, any bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) == 0 {
		return event{}, false
	}
	change, s.events = s.events[0], s.events[1:]
	return change, true
}

// currentVersion grows with every change.
func (s *store) currentVersion() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

func (s *store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.changed.Broadcast()
}

// noticed says whether a controller has had an occasion to look at its pods since it was last asked.
func (s *store) noticed(controller types.UID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer delete(s.occasions, controller)
	return s.occasions[controller]
}

// shuffle puts things into an order of the store's random numbers.
func shuffle[T any](s *store, things []T) []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.random.Shuffle(len(things), func(i, j int) { things[i], things[j] = things[j], things[i] })
	return things
}

// chance is true once in n times.
func (s *store) chance(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Intn(n) == 0
}

// get returns an object, or nil.
func get[T any](s *store, namespace, name string) *T {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, _ := any(s.objects[reflect.TypeFor[*T]()][namespace+"/"+name]).(*T)
	return found
}

// list returns all objects of a kind, by namespace and name.
func list[T any](s *store) []*T {
	s.mu.Lock()
	defer s.mu.Unlock()
	table := s.objects[reflect.TypeFor[*T]()]
	keys := make([]string, 0, len(table))
	for key := range table {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	found := make([]*T, 0, len(keys))
	for _, key := range keys {
		found = append(found, any(table[key]).(*T))
	}
	return found
}

// all returns every object, by kind, namespace and name, with `kind` and `apiVersion` set.
func (s *store) all() ([]object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []object
	for _, table := range s.objects {
		for _, item := range table {
			copied := item.DeepCopyObject().(object)
			versions, _, err := legacyscheme.Scheme.ObjectKinds(copied)
			if err != nil {
				return nil, err
			}
			copied.GetObjectKind().SetGroupVersionKind(versions[0])
			found = append(found, copied)
		}
	}
	slices.SortFunc(found, func(a, b object) int {
		return slices.Compare(identity(a), identity(b))
	})
	return found, nil
}

func identity(item object) []string {
	return []string{item.GetObjectKind().GroupVersionKind().Kind, item.GetNamespace(), item.GetName()}
}
