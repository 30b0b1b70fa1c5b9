#include "client/cpp/src/connection.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <random>

namespace linalgd::client {
namespace {

constexpr milliseconds kFirstDelay{50};
constexpr milliseconds kLongestDelay{2000};
constexpr int kMaxMessageBytes = 256 << 20; // a job of a model with very many weights
constexpr size_t kDefaultChunkBytes = 1 << 20;

bool isLoopback(const std::string &address) {
  return address.starts_with("localhost:") || address.starts_with("127.") ||
         address.starts_with("[::1]");
}

std::shared_ptr<grpc::Channel> makeChannel(const std::string &address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  // A proxy of the environment is for the world outside.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, isLoopback(address) ? 0 : 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

} // namespace

Backoff::Backoff(milliseconds retryFor) : retryFor_(retryFor) { reset(); }

void Backoff::reset() {
  delay_ = kFirstDelay;
  since_ = std::chrono::steady_clock::now();
}

bool Backoff::pause() {
  thread_local std::minstd_rand random(std::random_device{}());
  milliseconds delay(
      std::uniform_int_distribution<long>(delay_.count() / 2, delay_.count())(random));
  if (std::chrono::steady_clock::now() + delay > since_ + retryFor_)
    return false;
  std::this_thread::sleep_for(delay);
  delay_ = std::min(delay_ * 2, kLongestDelay);
  return true;
}

IdleWatch::IdleWatch(grpc::ClientContext &context, milliseconds limit)
    : context_(context), limit_(limit), last_(std::chrono::steady_clock::now()),
      thread_([this] { run(); }) {}

IdleWatch::~IdleWatch() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void IdleWatch::moved() {
  std::lock_guard lock(mutex_);
  last_ = std::chrono::steady_clock::now();
}

bool IdleWatch::fired() const {
  std::lock_guard lock(mutex_);
  return fired_;
}

void IdleWatch::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (std::chrono::steady_clock::now() >= last_ + limit_) {
      fired_ = true;
      context_.TryCancel();
      return;
    }
    changed_.wait_until(lock, last_ + limit_);
  }
}

Connection::Connection(std::string address, const ClientOptions &options)
    : address_(std::move(address)), options_(options) {
  std::shared_ptr<grpc::Channel> channel = makeChannel(address_);
  compile_ = v1::CompileService::NewStub(channel);
  blobs_ = v1::BlobService::NewStub(channel);
  server_ = v1::ServerService::NewStub(channel);
}

absl::Status Connection::error(const grpc::Status &status) const {
  if (status.ok())
    return absl::OkStatus();
  // gRPC's codes are absl's.
  auto code = static_cast<absl::StatusCode>(status.error_code());
  if (code == absl::StatusCode::kUnavailable)
    return absl::UnavailableError(
        absl::StrCat("linalgd at ", address_, " is not available: ", status.error_message()));
  if (code == absl::StatusCode::kUnimplemented && status.error_message().empty())
    return absl::UnimplementedError(
        absl::StrCat("the server at ", address_, " does not speak linalgd.v1"));
  return absl::Status(code, status.error_message());
}

absl::StatusOr<size_t> Connection::chunkBytes() {
  {
    std::lock_guard lock(mutex_);
    if (chunkBytes_)
      return chunkBytes_;
  }
  v1::ServerInfo info;
  grpc::Status status = call(server(), &v1::ServerService::StubInterface::GetServerInfo,
                             v1::GetServerInfoRequest(), &info);
  if (!status.ok())
    return error(status);
  size_t limit = info.limits().max_chunk_bytes();
  std::lock_guard lock(mutex_);
  chunkBytes_ = limit ? std::min(limit, kDefaultChunkBytes) : kDefaultChunkBytes;
  return chunkBytes_;
}

} // namespace linalgd::client
