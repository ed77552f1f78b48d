//! Default images.

/// Registry and organisation of our images.
pub const REPOSITORY: &str = "ghcr.io/kubeopencode";

/// Init image that carries the OpenCode program.
pub const AGENT: &str = "ghcr.io/kubeopencode/kubeopencode-agent-opencode:latest";

/// Image agents work in.
pub const EXECUTOR: &str = "ghcr.io/kubeopencode/kubeopencode-agent-devbox:latest";

/// Thin image for Pods that only hand a Task to a server.
pub const ATTACH: &str = "ghcr.io/kubeopencode/kubeopencode-agent-attach:latest";

/// Image of the platform's own containers.
pub const SYSTEM: &str = "ghcr.io/kubeopencode/kubeopencode:latest";

/// Last part of the name of the image that carries the OpenCode program, whatever its registry and tag.
pub const AGENT_BASENAME: &str = "kubeopencode-agent-opencode";

/// Last part of the name of the general working image.
pub const EXECUTOR_BASENAME: &str = "kubeopencode-agent-devbox";

/// Last part of the name of the attach image.
pub const ATTACH_BASENAME: &str = "kubeopencode-agent-attach";

/// Last part of the name of the image of the platform's own containers.
pub const SYSTEM_BASENAME: &str = "kubeopencode";
