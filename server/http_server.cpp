#include "server/http_server.h"

#include "compiler/api/unique_fd.h"
#include "server/logging.h"

#include "absl/strings/str_cat.h"
#include "civetweb.h"

#include <netdb.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

namespace linalgd {
namespace {

int logMessage(const mg_connection *, const char *message) {
  logWarning("from the HTTP server", {{"text", message}});
  return 1;
}

const char *reasonOf(int status) {
  switch (status) {
  case 200:
    return "OK";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  default:
    return "Service Unavailable";
  }
}

// Begins to connect to an address that this process listens on.
void knock(const Address &address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo *found = nullptr;
  const std::string port = absl::StrCat(address.port);
  if (::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found) != 0)
    return;
  UniqueFd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(fd.get(), found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS)
    logDebug("cannot wake the HTTP server, which ends a little later", {{"error", errno}});
  ::freeaddrinfo(found);
}

} // namespace

int HttpServer::answer(mg_connection *connection) {
  const mg_request_info *request = mg_get_request_info(connection);
  const auto *server = static_cast<const HttpServer *>(request->user_data);
  const bool head = std::strcmp(request->request_method, "HEAD") == 0;
  auto route = server->routes_.find(request->local_uri);
  Response response;
  if (route == server->routes_.end())
    response = {404, "text/plain; charset=utf-8", "there are /metrics and /healthz\n"};
  else if (!head && std::strcmp(request->request_method, "GET") != 0)
    response = {405, "text/plain; charset=utf-8", "only GET and HEAD are answered\n"};
  else
    response = route->second();
  mg_printf(
      connection,
      "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
      response.status, reasonOf(response.status), response.contentType.c_str(),
      response.body.size());
  if (!head)
    mg_write(connection, response.body.data(), response.body.size());
  return response.status;
}

absl::StatusOr<std::unique_ptr<HttpServer>>
HttpServer::start(const Address &address, std::map<std::string, Handler> routes) {
  std::unique_ptr<HttpServer> server(new HttpServer(std::move(routes)));
  const std::string text = address.text();
  const char *options[] = {
      "listening_ports", text.c_str(),        "num_threads", "2",    "request_timeout_ms",
      "10000",           "enable_keep_alive", "no",          nullptr};
  mg_callbacks callbacks{};
  callbacks.begin_request = &HttpServer::answer;
  callbacks.log_message = logMessage;
  server->context_ = mg_start(&callbacks, server.get(), options);
  if (server->context_ == nullptr)
    return absl::InternalError(absl::StrCat("cannot listen on ", text,
                                            " for metrics; is the address in use? See --metrics"));
  mg_server_port ports[1];
  if (mg_get_server_ports(server->context_, 1, ports) != 1)
    return absl::InternalError(absl::StrCat("there is no port after listening on ", text));
  server->address_ = {address.host, static_cast<uint16_t>(ports[0].port)};
  return server;
}

// civetweb's listening thread sees that it is to stop only every two seconds, or when somebody
// connects.
HttpServer::~HttpServer() {
  if (context_ == nullptr)
    return;
  std::atomic<bool> stopped = false;
  std::thread stopper([&] {
    mg_stop(context_);
    stopped = true;
  });
  while (!stopped) {
    knock(address_);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  stopper.join();
}

} // namespace linalgd
