// Counts and times every call of every service, by method and status code.
#pragma once

#include "server/metrics.h"

#include "grpcpp/support/server_interceptor.h"

namespace linalgd {

class RpcMetrics final : public grpc::experimental::ServerInterceptorFactoryInterface {
public:
  // The metrics must outlive the server.
  explicit RpcMetrics(Metrics &metrics) : metrics_(metrics) {}

  grpc::experimental::Interceptor *
  CreateServerInterceptor(grpc::experimental::ServerRpcInfo *info) override;

private:
  Metrics &metrics_;
};

} // namespace linalgd
