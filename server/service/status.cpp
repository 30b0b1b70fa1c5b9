#include "server/service/status.h"

#include "linalgd/v1/error.pb.h"

#include "absl/strings/cord.h"
#include "absl/strings/match.h"

#include <string>

namespace linalgd {

grpc::Status toGrpc(const absl::Status &status) {
  v1::StatusDetails details;
  status.ForEachPayload([&](absl::string_view url, const absl::Cord &payload) {
    if (!absl::StartsWith(url, "type.googleapis.com/"))
      return;
    google::protobuf::Any *any = details.add_details();
    any->set_type_url(std::string(url));
    any->set_value(std::string(payload));
  });
  std::string bytes;
  if (!details.details().empty()) {
    details.set_code(static_cast<int32_t>(status.code()));
    details.set_message(std::string(status.message()));
    bytes = details.SerializeAsString();
  }
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message()), bytes};
}

} // namespace linalgd
