// Messages and descriptors between the daemon and a worker, over a Unix stream socket: frames of a
// little-endian uint32 length and one protobuf message (worker.proto). Descriptors travel as
// SCM_RIGHTS with `Descriptors` frames, which precede the message that takes them.
#pragma once

#include "compiler/api/unique_fd.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace linalgd {

inline constexpr size_t kMaxFrameBytes = 64 << 20;
// The kernel takes at most 253 in one message.
inline constexpr size_t kMaxDescriptorsPerFrame = 250;
// A model's blobs at most, with room for a resume point.
inline constexpr size_t kMaxDescriptorsPerMessage = 16384;

// Not thread-safe. Errors: Unavailable (the peer is gone), DataLoss (the peer garbles the
// protocol), ResourceExhausted (too large a message of our own), and whatever `Wait` answers.
class MessageChannel {
public:
  // Waits until the socket is ready for `events` (as poll takes them), or says why to give up.
  using Wait = std::function<absl::Status(int fd, short events)>;

  MessageChannel(UniqueFd socket, Wait wait) : socket_(std::move(socket)), wait_(std::move(wait)) {}

  // `Message` is WorkerRequest or WorkerResponse. The descriptors stay the caller's.
  template <typename Message>
  absl::Status send(const Message &message, std::span<const int> descriptors = {}) {
    while (!descriptors.empty()) {
      std::span<const int> batch =
          descriptors.first(std::min(descriptors.size(), kMaxDescriptorsPerFrame));
      descriptors = descriptors.subspan(batch.size());
      Message frame;
      frame.mutable_descriptors()->set_count(static_cast<uint32_t>(batch.size()));
      if (absl::Status sent = sendFrame(frame.SerializeAsString(), batch); !sent.ok())
        return sent;
    }
    return sendFrame(message.SerializeAsString(), {});
  }

  // The next message, and the descriptors that came for it.
  template <typename Message> absl::StatusOr<std::vector<UniqueFd>> receive(Message *message) {
    std::vector<UniqueFd> descriptors;
    while (true) {
      absl::StatusOr<std::string> frame = receiveFrame();
      if (!frame.ok())
        return frame.status();
      if (!message->ParseFromString(*frame))
        return absl::DataLossError("a frame that does not parse");
      if (!message->has_descriptors()) {
        if (!received_.empty())
          return absl::DataLossError("descriptors that no frame announces");
        return descriptors;
      }
      absl::Status taken = takeDescriptors(message->descriptors().count(), &descriptors);
      if (!taken.ok())
        return taken;
    }
  }

  int fd() const { return socket_.get(); }

private:
  absl::Status sendFrame(const std::string &message, std::span<const int> descriptors);
  absl::StatusOr<std::string> receiveFrame();
  // Reads what there is into the buffer, up to `wanted` bytes in it.
  absl::Status fill(size_t wanted);
  absl::Status takeDescriptors(uint32_t count, std::vector<UniqueFd> *to);

  UniqueFd socket_;
  Wait wait_;
  std::string buffer_;
  std::deque<UniqueFd> received_;
};

// A Wait without end.
absl::Status waitForever(int fd, short events);

} // namespace linalgd
