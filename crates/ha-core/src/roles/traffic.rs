//! Who lets requests in from outside: ingress and gateway controllers, told by their images.

use crate::snapshot::{Snapshot, Workload};

/// A controller that is known by its image.
#[derive(Clone, Debug)]
pub struct Controller {
    /// How the image's path ends, without tag.
    pub image: &'static str,
    /// What the `controller` field of its classes contains; empty for one that none names.
    pub class: &'static str,
    /// Whether requests pass through it. The others only configure load balancers outside of the cluster.
    pub carries_traffic: bool,
}

const fn carries(image: &'static str, class: &'static str) -> Controller {
    Controller { image, class, carries_traffic: true }
}

const fn configures(image: &'static str, class: &'static str) -> Controller {
    Controller { image, class, carries_traffic: false }
}

/// Ingress and gateway controllers.
const CONTROLLERS: &[Controller] = &[
    carries("ingress-nginx/controller", "ingress-nginx"),
    carries("ingress-nginx/controller-chroot", "ingress-nginx"),
    carries("nginx-ingress-controller", "ingress-nginx"),
    carries("nginx/nginx-ingress", "nginx.org/"),
    carries("nginx-gateway-fabric", "gateway.nginx.org/"),
    carries("traefik", "traefik.io/"),
    carries("haproxytech/kubernetes-ingress", "haproxy.org/"),
    carries("haproxy-ingress", "haproxy-ingress.github.io/"),
    carries("contour", "projectcontour.io/"),
    carries("kong/kubernetes-ingress-controller", "konghq.com/"),
    carries("emissary", "getambassador.io/"),
    carries("apisix-ingress-controller", "apisix.apache.org/"),
    carries("zalando/skipper", "zalando.org/"),
    carries("haproxy-router", "openshift.io/"),
    configures("envoyproxy/gateway", "gateway.envoyproxy.io/"),
    configures("istio/pilot", "istio.io/"),
    configures("aws-load-balancer-controller", "ingress.k8s.aws/"),
    configures("ingress-gce", "k8s.io/ingress-gce"),
    configures("application-gateway/kubernetes-ingress", "azure/application-gateway"),
];

/// The ingress or gateway controller that a workload is; none for any other workload.
pub fn controller(snapshot: &Snapshot, workload: &Workload) -> Option<&'static Controller> {
    let containers = &snapshot.spec_of(workload).containers;
    let known = |image: &str| CONTROLLERS.iter().position(|known| image.ends_with(known.image));
    let all = containers.iter().filter_map(|container| known(image_path(snapshot.text(container.image))));
    all.min().map(|first| &CONTROLLERS[first])
}

/// An image reference without tag and digest.
pub(super) fn image_path(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let name_starts = image.rfind('/').map_or(0, |slash| slash + 1);
    let tag = image[name_starts..].find(':').map_or(image.len(), |colon| name_starts + colon);
    &image[..tag]
}

#[cfg(test)]
mod tests {
    use super::image_path;

    #[test]
    fn an_image_path_ends_before_tag_and_digest() {
        let cases = [
            ("registry.k8s.io/ingress-nginx/controller:v1.13.0@sha256:abc", "registry.k8s.io/ingress-nginx/controller"),
            ("localhost:5000/traefik", "localhost:5000/traefik"),
            ("traefik:v3", "traefik"),
        ];
        for (image, expected) in cases {
            assert_eq!(image_path(image), expected);
        }
    }
}
