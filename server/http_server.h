// A small HTTP server for /metrics and /healthz.
#pragma once

#include "server/units.h"

#include "absl/status/statusor.h"

#include <functional>
#include <map>
#include <memory>
#include <string>

struct mg_connection;
struct mg_context;

namespace linalgd {

class HttpServer {
public:
  struct Response {
    int status = 200;
    std::string contentType = "text/plain; charset=utf-8";
    std::string body;
  };
  // Called on the server's threads.
  using Handler = std::function<Response()>;

  // Answers GET and HEAD of the paths in `routes`. Port 0 takes any.
  static absl::StatusOr<std::unique_ptr<HttpServer>> start(const Address &address,
                                                           std::map<std::string, Handler> routes);
  ~HttpServer();

  // With the actual port.
  const Address &address() const { return address_; }

private:
  explicit HttpServer(std::map<std::string, Handler> routes) : routes_(std::move(routes)) {}
  static int answer(mg_connection *connection);

  const std::map<std::string, Handler> routes_;
  Address address_;
  mg_context *context_ = nullptr;
};

} // namespace linalgd
