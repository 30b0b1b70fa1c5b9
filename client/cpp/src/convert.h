// The client's structs from protobuf messages.
#pragma once

#include "linalgd/client.h"

#include "linalgd/v1/compile.pb.h"
#include "linalgd/v1/server.pb.h"

namespace linalgd::client {

// Errors: Internal, for a server that sends what this client cannot read.
absl::StatusOr<JobInfo> jobFromProto(const v1::Job &proto);
absl::StatusOr<JobEvent> eventFromProto(const v1::JobEvent &proto);
ServerInfo serverInfoFromProto(const v1::ServerInfo &proto);
ServerStats statsFromProto(const v1::Stats &proto);
v1::JobState toProto(JobState state);

} // namespace linalgd::client
