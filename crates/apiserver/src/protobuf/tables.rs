//! Field numbers of the messages clients send in protobuf.

use super::Field::{Blobs, Flag, Labels, Message, Messages, Number, Port, Skip, Text, Texts};
use super::Table;

pub(super) const TYPE_META: &Table = &[(1, Text("apiVersion")), (2, Text("kind"))];
pub(super) const INT_OR_STRING: &Table = &[(1, Number("type")), (2, Number("number")), (3, Text("text"))];

const OWNER: &Table = &[
    (1, Text("kind")),
    (3, Text("name")),
    (4, Text("uid")),
    (5, Text("apiVersion")),
    (6, Flag("controller")),
    (7, Flag("blockOwnerDeletion")),
];
const META: &Table = &[
    (1, Text("name")),
    (2, Text("generateName")),
    (3, Text("namespace")),
    (4, Skip),
    (5, Text("uid")),
    (6, Text("resourceVersion")),
    (7, Skip),
    (8, Skip),
    (11, Labels("labels")),
    (12, Labels("annotations")),
    (13, Messages("ownerReferences", OWNER)),
    (14, Texts("finalizers")),
];
const REFERENCE: &Table = &[
    (1, Text("kind")),
    (2, Text("namespace")),
    (3, Text("name")),
    (4, Text("uid")),
    (5, Text("apiVersion")),
];
const RESOURCE: &Table = &[
    (1, Text("namespace")),
    (2, Text("verb")),
    (3, Text("group")),
    (4, Text("version")),
    (5, Text("resource")),
    (6, Text("subresource")),
    (7, Text("name")),
];
const NON_RESOURCE: &Table = &[(1, Text("path")), (2, Text("verb"))];
const SELF_ACCESS_SPEC: &Table = &[
    (1, Message("resourceAttributes", RESOURCE)),
    (2, Message("nonResourceAttributes", NON_RESOURCE)),
];
const ACCESS_SPEC: &Table = &[
    (1, Message("resourceAttributes", RESOURCE)),
    (2, Message("nonResourceAttributes", NON_RESOURCE)),
    (3, Text("user")),
    (4, Texts("groups")),
    (6, Text("uid")),
];
const BOUND: &Table = &[
    (1, Text("kind")),
    (2, Text("apiVersion")),
    (3, Text("name")),
    (4, Text("uid")),
];
const TOKEN_SPEC: &Table = &[
    (1, Texts("audiences")),
    (3, Message("boundObjectRef", BOUND)),
    (4, Number("expirationSeconds")),
];
const DELETE: &Table = &[
    (1, Number("gracePeriodSeconds")),
    (
        2,
        Message("preconditions", &[(1, Text("uid")), (2, Text("resourceVersion"))]),
    ),
    (3, Flag("orphanDependents")),
    (4, Text("propagationPolicy")),
    (5, Texts("dryRun")),
];

const LOCAL_REFERENCE: &Table = &[(1, Text("name"))];
const SERVICE_PORT: &Table = &[
    (1, Text("name")),
    (2, Text("protocol")),
    (3, Number("port")),
    (4, Port("targetPort")),
    (5, Number("nodePort")),
    (6, Text("appProtocol")),
];
const SERVICE_SPEC: &Table = &[
    (1, Messages("ports", SERVICE_PORT)),
    (2, Labels("selector")),
    (3, Text("clusterIP")),
    (4, Text("type")),
    (5, Texts("externalIPs")),
    (7, Text("sessionAffinity")),
    (10, Text("externalName")),
    (11, Text("externalTrafficPolicy")),
    (13, Flag("publishNotReadyAddresses")),
    (18, Texts("clusterIPs")),
];
const RULE: &Table = &[
    (1, Texts("verbs")),
    (2, Texts("apiGroups")),
    (3, Texts("resources")),
    (4, Texts("resourceNames")),
    (5, Texts("nonResourceURLs")),
];
const SUBJECT: &Table = &[
    (1, Text("kind")),
    (2, Text("apiGroup")),
    (3, Text("name")),
    (4, Text("namespace")),
];
const ROLE_REF: &Table = &[(1, Text("apiGroup")), (2, Text("kind")), (3, Text("name"))];
const ROLE: &Table = &[(1, Message("metadata", META)), (2, Messages("rules", RULE))];
const BINDING: &Table = &[
    (1, Message("metadata", META)),
    (2, Messages("subjects", SUBJECT)),
    (3, Message("roleRef", ROLE_REF)),
];

const CONTAINER_PORT: &Table = &[
    (1, Text("name")),
    (2, Number("hostPort")),
    (3, Number("containerPort")),
    (4, Text("protocol")),
    (5, Text("hostIP")),
];
const CONTAINER: &Table = &[
    (1, Text("name")),
    (2, Text("image")),
    (3, Texts("command")),
    (4, Texts("args")),
    (5, Text("workingDir")),
    (6, Messages("ports", CONTAINER_PORT)),
    (7, Messages("env", &[(1, Text("name")), (2, Text("value"))])),
    (13, Text("terminationMessagePath")),
    (14, Text("imagePullPolicy")),
    (20, Text("terminationMessagePolicy")),
];
const POD_SPEC: &Table = &[
    (2, Messages("containers", CONTAINER)),
    (3, Text("restartPolicy")),
    (4, Number("terminationGracePeriodSeconds")),
    (6, Text("dnsPolicy")),
    (7, Labels("nodeSelector")),
    (8, Text("serviceAccountName")),
    (10, Text("nodeName")),
    (20, Messages("initContainers", CONTAINER)),
];
const EXPRESSION: &Table = &[(1, Text("key")), (2, Text("operator")), (3, Texts("values"))];
const SELECTOR: &Table = &[
    (1, Labels("matchLabels")),
    (2, Messages("matchExpressions", EXPRESSION)),
];
const TEMPLATE: &Table = &[(1, Message("metadata", META)), (2, Message("spec", POD_SPEC))];
const DEPLOYMENT_SPEC: &Table = &[
    (1, Number("replicas")),
    (2, Message("selector", SELECTOR)),
    (3, Message("template", TEMPLATE)),
    (4, Message("strategy", &[(1, Text("type"))])),
    (5, Number("minReadySeconds")),
    (6, Number("revisionHistoryLimit")),
    (9, Number("progressDeadlineSeconds")),
];

/// The table of a kind that may come in protobuf.
pub(super) fn of(kind: &str) -> Option<&'static Table> {
    Some(match kind {
        "SelfSubjectAccessReview" => &[
            (1, Message("metadata", META)),
            (2, Message("spec", SELF_ACCESS_SPEC)),
            (3, Skip),
        ],
        "SubjectAccessReview" | "LocalSubjectAccessReview" => &[
            (1, Message("metadata", META)),
            (2, Message("spec", ACCESS_SPEC)),
            (3, Skip),
        ],
        "SelfSubjectRulesReview" => &[
            (1, Message("metadata", META)),
            (2, Message("spec", &[(1, Text("namespace"))])),
            (3, Skip),
        ],
        "SelfSubjectReview" => &[(1, Message("metadata", META)), (2, Skip)],
        "TokenRequest" => &[
            (1, Message("metadata", META)),
            (2, Message("spec", TOKEN_SPEC)),
            (3, Skip),
        ],
        "TokenReview" => &[
            (1, Message("metadata", META)),
            (2, Message("spec", &[(1, Text("token")), (2, Texts("audiences"))])),
            (3, Skip),
        ],
        "DeleteOptions" => DELETE,
        "Eviction" => &[
            (1, Message("metadata", META)),
            (2, Message("deleteOptions", DELETE)),
        ],
        "Namespace" => &[
            (1, Message("metadata", META)),
            (2, Message("spec", &[(1, Texts("finalizers"))])),
            (3, Skip),
        ],
        "ConfigMap" => &[
            (1, Message("metadata", META)),
            (2, Labels("data")),
            (3, Blobs("binaryData")),
            (4, Flag("immutable")),
        ],
        "Secret" => &[
            (1, Message("metadata", META)),
            (2, Blobs("data")),
            (3, Text("type")),
            (4, Labels("stringData")),
            (5, Flag("immutable")),
        ],
        "ServiceAccount" => &[
            (1, Message("metadata", META)),
            (2, Messages("secrets", REFERENCE)),
            (3, Messages("imagePullSecrets", LOCAL_REFERENCE)),
            (4, Flag("automountServiceAccountToken")),
        ],
        "Service" => &[
            (1, Message("metadata", META)),
            (2, Message("spec", SERVICE_SPEC)),
            (3, Skip),
        ],
        "Role" | "ClusterRole" => ROLE,
        "RoleBinding" | "ClusterRoleBinding" => BINDING,
        "Deployment" => &[
            (1, Message("metadata", META)),
            (2, Message("spec", DEPLOYMENT_SPEC)),
            (3, Skip),
        ],
        _ => return None,
    })
}
