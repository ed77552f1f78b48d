//! Regular expressions of the schemas, in the syntax both RE2 and ECMA-262 understand.

/// A Go duration that is not negative.
pub(crate) const DURATION: &str = r"^\+?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$";

/// Names of skill sources and of Registry assets.
pub(crate) const ASSET_NAME: &str = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$";

/// Folder names of skills.
pub(crate) const SKILL_FOLDER: &str = "^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$";

/// A text handed to `git` as an argument: no blanks, and no leading dash that would make an option of it.
pub(crate) const ARGUMENT: &str = r"^[^-\s]\S*$";

/// The same, or nothing.
pub(crate) const OPTIONAL_ARGUMENT: &str = r"^([^-\s]\S*)?$";

/// An absolute path.
pub(crate) const ABSOLUTE_PATH: &str = "^/.*";

/// An HTTP or HTTPS address.
pub(crate) const HTTP_URL: &str = r"^[Hh][Tt][Tt][Pp][Ss]?://\S+$";

/// Where telemetry is sent.
pub(crate) const TELEMETRY_ENDPOINT: &str = "^https?://.+$";

/// Names of container and Service ports.
pub(crate) const PORT_NAME: &str = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$";

/// A size such as `10Gi`, or nothing.
pub(crate) const OPTIONAL_SIZE: &str =
    r"^(([0-9]+(\.[0-9]*)?|\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+]?[0-9]+)?)?$";

/// A quantity, as Kubernetes writes them.
pub(crate) const QUANTITY: &str =
    r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?[0-9]+)?$";

/// An IPv4 or IPv6 address, or a range of such. Loose: whoever compares addresses parses them.
pub(crate) const IP_OR_CIDR: &str = r"^([0-9]{1,3}(\.[0-9]{1,3}){3}(/(3[0-2]|[12]?[0-9]))?|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]+(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$";

/// Five cron fields, with an optional zone before them.
pub(crate) const CRON_SCHEDULE: &str =
    r"^\s*((CRON_)?TZ=[A-Za-z0-9_+/-]+\s+)?[0-9A-Za-z*?,/-]+(\s+[0-9A-Za-z*?,/-]+){4}\s*$";

/// An IANA time zone name, or nothing.
pub(crate) const TIME_ZONE: &str = "^([A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*)?$";

/// A DNS suffix.
pub(crate) const CLUSTER_DOMAIN: &str = "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$";

/// A condition's type, as metav1 has it.
pub(crate) const CONDITION_TYPE: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";

/// A condition's reason, as metav1 has it.
pub(crate) const CONDITION_REASON: &str = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";
