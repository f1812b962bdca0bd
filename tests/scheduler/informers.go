package scheduler

import (
	"context"
	"reflect"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/informers/apps"
	"k8s.io/client-go/informers/core"
	"k8s.io/client-go/informers/internalinterfaces"
	"k8s.io/client-go/informers/policy"
	"k8s.io/client-go/informers/resource"
	"k8s.io/client-go/informers/scheduling"
	"k8s.io/client-go/informers/storage"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/scheduler"
)

// informerFactory hands out informers that are fed by a store instead of by a watch: every handler has
// seen an event before the next one is delivered, so that a cluster at rest can be told from a busy one.
// Informers of kinds that the scheduler does not read stay empty.
type informerFactory struct {
	informers.SharedInformerFactory
	client kubernetes.Interface
	mu     sync.Mutex
	byType map[reflect.Type]*informer
}

func newInformerFactory(client kubernetes.Interface) *informerFactory {
	factory := &informerFactory{
		SharedInformerFactory: informers.NewSharedInformerFactory(client, 0),
		client:                client,
		byType:                map[reflect.Type]*informer{},
	}
	// The scheduler's own pod informer has indexers of its own: it is taken from the scheduler's factory.
	pods := scheduler.NewInformerFactory(client, 0).Core().V1().Pods().Informer()
	factory.byType[podType] = &informer{SharedIndexInformer: pods}
	return factory
}

func (f *informerFactory) Apps() apps.Interface             { return apps.New(f, "", nil) }
func (f *informerFactory) Core() core.Interface             { return core.New(f, "", nil) }
func (f *informerFactory) Policy() policy.Interface         { return policy.New(f, "", nil) }
func (f *informerFactory) Resource() resource.Interface     { return resource.New(f, "", nil) }
func (f *informerFactory) Scheduling() scheduling.Interface { return scheduling.New(f, "", nil) }
func (f *informerFactory) Storage() storage.Interface       { return storage.New(f, "", nil) }

// InformerFor returns the one informer of a type.
func (f *informerFactory) InformerFor(
	object runtime.Object, newInformer internalinterfaces.NewInformerFunc,
) cache.SharedIndexInformer {
	f.mu.Lock()
	defer f.mu.Unlock()
	kind := reflect.TypeOf(object)
	if f.byType[kind] == nil {
		f.byType[kind] = &informer{SharedIndexInformer: newInformer(f.client, 0)}
	}
	return f.byType[kind]
}

// deliver tells the informer of the object's type what happened.
func (f *informerFactory) deliver(event event) {
	f.mu.Lock()
	target := f.byType[reflect.TypeOf(event.object())]
	f.mu.Unlock()
	if target != nil {
		target.deliver(event)
	}
}

// informer is a shared informer that never runs; its index and its handlers are fed by deliver.
type informer struct {
	cache.SharedIndexInformer
	handlers []cache.ResourceEventHandler
}

func (i *informer) deliver(event event) {
	// The index of a well-formed object cannot fail.
	switch {
	case event.old == nil:
		_ = i.GetIndexer().Add(event.new)
	case event.new == nil:
		_ = i.GetIndexer().Delete(event.old)
	default:
		_ = i.GetIndexer().Update(event.new)
	}
	for _, handler := range i.handlers {
		switch {
		case event.old == nil:
			handler.OnAdd(event.new, false)
		case event.new == nil:
			handler.OnDelete(event.old)
		default:
			handler.OnUpdate(event.old, event.new)
		}
	}
}

// AddEventHandler adds a handler; it is told of what is there already.
func (i *informer) AddEventHandler(
	handler cache.ResourceEventHandler,
) (cache.ResourceEventHandlerRegistration, error) {
	i.handlers = append(i.handlers, handler)
	for _, object := range i.GetIndexer().List() {
		handler.OnAdd(object, true)
	}
	return synced{}, nil
}

// AddEventHandlerWithResyncPeriod ignores the period: nothing is ever missed.
func (i *informer) AddEventHandlerWithResyncPeriod(
	handler cache.ResourceEventHandler, _ time.Duration,
) (cache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandler(handler)
}

// AddEventHandlerWithOptions ignores the options for the same reason.
func (i *informer) AddEventHandlerWithOptions(
	handler cache.ResourceEventHandler, _ cache.HandlerOptions,
) (cache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandler(handler)
}

func (i *informer) HasSynced() bool                     { return true }
func (i *informer) HasSyncedChecker() cache.DoneChecker { return synced{} }
func (i *informer) Run(<-chan struct{})                 {}
func (i *informer) RunWithContext(context.Context)      {}
func (i *informer) LastSyncResourceVersion() string     { return "" }
func (i *informer) IsStopped() bool                     { return false }

// synced says that everything has been delivered, which is so from the start.
type synced struct{}

func (synced) HasSynced() bool                     { return true }
func (synced) HasSyncedChecker() cache.DoneChecker { return synced{} }
func (synced) Name() string                        { return "store" }
func (synced) Done() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}
