#include "proto/message_channel.h"

#include "absl/strings/str_cat.h"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace linalgd {
namespace {

constexpr size_t kHeaderBytes = 4;
// Buffers grow with the bytes that arrive, not with the length that the peer announces.
constexpr size_t kReadBytes = 256 << 10;

bool wouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

absl::Status socketError(int error) {
  return absl::UnavailableError(absl::StrCat("the socket broke: ", strerror(error)));
}

} // namespace

absl::Status waitForever(int fd, short events) {
  pollfd entry{fd, events, 0};
  while (poll(&entry, 1, -1) < 0)
    if (errno != EINTR)
      return absl::ErrnoToStatus(errno, "poll");
  return absl::OkStatus();
}

absl::Status MessageChannel::sendFrame(const std::string &message,
                                       std::span<const int> descriptors) {
  if (message.size() > kMaxFrameBytes)
    return absl::ResourceExhaustedError(absl::StrCat("a message of ", message.size(),
                                                     " bytes exceeds the limit of ", kMaxFrameBytes,
                                                     " between daemon and worker"));
  std::string frame(kHeaderBytes, '\0');
  for (size_t i = 0; i < kHeaderBytes; ++i)
    frame[i] = static_cast<char>(message.size() >> (8 * i));
  frame += message;

  alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptorsPerFrame * sizeof(int))];
  size_t sent = 0;
  while (sent < frame.size()) {
    iovec part{frame.data() + sent, frame.size() - sent};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (sent == 0 && !descriptors.empty()) {
      header.msg_control = control;
      header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
      cmsghdr *rights = CMSG_FIRSTHDR(&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
      memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
    }
    ssize_t count = sendmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) {
      sent += static_cast<size_t>(count);
      continue;
    }
    int error = errno;
    if (error == EINTR)
      continue;
    // Too many descriptors are under way: the peer takes them off as it reads.
    if (error == ETOOMANYREFS)
      usleep(2000);
    else if (!wouldBlock(error))
      return socketError(error);
    if (absl::Status ready = wait_(socket_.get(), POLLOUT); !ready.ok())
      return ready;
  }
  return absl::OkStatus();
}

absl::Status MessageChannel::fill(size_t wanted) {
  size_t before = buffer_.size();
  size_t room = std::min(wanted - before, kReadBytes);
  buffer_.resize(before + room);
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptorsPerFrame * sizeof(int))];
  iovec part{buffer_.data() + before, room};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t count = recvmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  int error = errno;
  buffer_.resize(before + static_cast<size_t>(std::max<ssize_t>(count, 0)));
  if (count < 0)
    return wouldBlock(error) || error == EINTR ? wait_(socket_.get(), POLLIN) : socketError(error);
  for (cmsghdr *rights = CMSG_FIRSTHDR(&header); rights; rights = CMSG_NXTHDR(&header, rights)) {
    if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS)
      continue;
    for (size_t i = 0; i < (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(rights) + i * sizeof(int), sizeof descriptor);
      received_.emplace_back(descriptor);
    }
  }
  if (header.msg_flags & MSG_CTRUNC)
    return absl::DataLossError("descriptors were cut off: too many, or too few are allowed");
  if (received_.size() > kMaxDescriptorsPerMessage)
    return absl::DataLossError("more descriptors than a message may have");
  if (count == 0)
    return absl::UnavailableError("the peer closed the socket");
  return absl::OkStatus();
}

absl::StatusOr<std::string> MessageChannel::receiveFrame() {
  while (buffer_.size() < kHeaderBytes)
    if (absl::Status filled = fill(kHeaderBytes); !filled.ok())
      return filled;
  size_t size = 0;
  for (size_t i = 0; i < kHeaderBytes; ++i)
    size |= static_cast<size_t>(static_cast<uint8_t>(buffer_[i])) << (8 * i);
  if (size > kMaxFrameBytes)
    return absl::DataLossError(absl::StrCat("a frame of ", size, " bytes"));
  while (buffer_.size() < kHeaderBytes + size)
    if (absl::Status filled = fill(kHeaderBytes + size); !filled.ok())
      return filled;
  std::string frame = buffer_.substr(kHeaderBytes, size);
  buffer_.clear();
  return frame;
}

absl::Status MessageChannel::takeDescriptors(uint32_t count, std::vector<UniqueFd> *to) {
  if (count == 0 || count != received_.size())
    return absl::DataLossError(
        absl::StrCat("a frame announces ", count, " descriptors, ", received_.size(), " came"));
  if (to->size() + count > kMaxDescriptorsPerMessage)
    return absl::DataLossError("more descriptors than a message may have");
  for (UniqueFd &descriptor : received_)
    to->push_back(std::move(descriptor));
  received_.clear();
  return absl::OkStatus();
}

} // namespace linalgd
