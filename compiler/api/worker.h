// What the daemon and its worker processes agree on beside their messages (worker.proto).
#pragma once

namespace linalgd {

// The socket to the daemon, as the daemon leaves it to the new process.
inline constexpr int kWorkerSocket = 3;

// Exit codes of a worker that ended on its own account; 0: the daemon closed the socket.
inline constexpr int kExitUsage = 2;
inline constexpr int kExitOutOfMemory = 86;
inline constexpr int kExitFatalError = 87; // said on its standard error
inline constexpr int kExitProtocol = 88;

} // namespace linalgd
