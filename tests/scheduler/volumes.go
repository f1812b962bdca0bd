package scheduler

import (
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/storage/volume"
)

// bindClaims is what the volume controller does with volumes that were made beforehand
// (pkg/controller/volume/persistentvolume): it binds claims of class Immediate to the smallest volume that
// matches, and completes bindings that the scheduler or the user began. It provisions and deletes nothing.
func (s *store) bindClaims() {
	for _, found := range list[v1.PersistentVolume](s) {
		if found.Status.Phase == "" || found.Status.Phase == v1.VolumePending {
			available := found.DeepCopy()
			available.Status.Phase = v1.VolumeAvailable
			s.put(available)
		}
	}
	for _, claim := range list[v1.PersistentVolumeClaim](s) {
		if !metav1.HasAnnotation(claim.ObjectMeta, volume.AnnBindCompleted) {
			if found := s.volumeFor(claim); found != nil {
				s.bindClaim(claim, found)
			}
		}
	}
}

// volumeFor returns the volume which the controller would bind an unbound claim to now, if there is one.
func (s *store) volumeFor(claim *v1.PersistentVolumeClaim) *v1.PersistentVolume {
	if name := claim.Spec.VolumeName; name != "" {
		found := get[v1.PersistentVolume](s, "", name)
		if found == nil || found.Spec.ClaimRef != nil && !volume.IsVolumeBoundToClaim(found, claim) {
			return nil
		}
		return found
	}
	class := get[storagev1.StorageClass](s, "", classOf(claim))
	delayed := class != nil && class.VolumeBindingMode != nil &&
		*class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
	found, err := volume.FindMatchingVolume(claim, list[v1.PersistentVolume](s), nil, nil, delayed, true)
	if err != nil {
		return nil
	}
	return found
}

func classOf(claim *v1.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName == nil {
		return ""
	}
	return *claim.Spec.StorageClassName
}

func (s *store) bindClaim(unbound *v1.PersistentVolumeClaim, available *v1.PersistentVolume) {
	bound := available.DeepCopy()
	bound.Spec.ClaimRef = &v1.ObjectReference{
		Kind: "PersistentVolumeClaim", APIVersion: "v1",
		Namespace: unbound.Namespace, Name: unbound.Name, UID: unbound.UID,
	}
	if available.Spec.ClaimRef == nil {
		metav1.SetMetaDataAnnotation(&bound.ObjectMeta, volume.AnnBoundByController, "yes")
	}
	bound.Status.Phase = v1.VolumeBound
	s.put(bound)
	claim := unbound.DeepCopy()
	if claim.Spec.VolumeName == "" {
		claim.Spec.VolumeName = bound.Name
		metav1.SetMetaDataAnnotation(&claim.ObjectMeta, volume.AnnBoundByController, "yes")
	}
	metav1.SetMetaDataAnnotation(&claim.ObjectMeta, volume.AnnBindCompleted, "yes")
	claim.Status = v1.PersistentVolumeClaimStatus{
		Phase: v1.ClaimBound, AccessModes: bound.Spec.AccessModes, Capacity: bound.Spec.Capacity,
	}
	s.put(claim)
}
