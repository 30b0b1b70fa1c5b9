#include "server/service/rpc_metrics.h"

#include "absl/status/status.h"

namespace linalgd {
namespace {

using grpc::experimental::InterceptionHookPoints;
using std::chrono::steady_clock;

class Timer final : public grpc::experimental::Interceptor {
public:
  Timer(Metrics &metrics, const char *method)
      : metrics_(metrics), method_(method), started_(steady_clock::now()) {
    if (method_.starts_with('/'))
      method_.erase(0, 1);
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods *methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      const auto code = static_cast<absl::StatusCode>(methods->GetSendStatus().error_code());
      metrics_.rpcFinished(
          method_, absl::StatusCodeToString(code),
          std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - started_));
    }
    methods->Proceed();
  }

private:
  Metrics &metrics_;
  std::string method_; // "linalgd.v1.BlobService/Upload"
  const steady_clock::time_point started_;
};

} // namespace

grpc::experimental::Interceptor *
RpcMetrics::CreateServerInterceptor(grpc::experimental::ServerRpcInfo *info) {
  return new Timer(metrics_, info->method());
}

} // namespace linalgd
