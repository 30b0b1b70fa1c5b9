// The one place where protobuf messages and the structs of compiler/api are translated. Shared by
// the daemon, the worker's main file and the C++ client.
#pragma once

#include "compiler/api/compiler.h"
#include "linalgd/v1/compile.pb.h"
#include "linalgd/v1/error.pb.h"
#include "linalgd/v1/server.pb.h"
#include "linalgd/v1/worker.pb.h"

namespace linalgd {

void toProto(const Options &options, v1::CompileOptions *proto);
// InvalidArgument for a name or an enumerator that is not known.
absl::StatusOr<Options> fromProto(const v1::CompileOptions &proto);

void toProto(const Diagnostic &diagnostic, v1::Diagnostic *proto);
Diagnostic fromProto(const v1::Diagnostic &proto);

void toProto(const SourceLocation &location, v1::SourceLocation *proto);
SourceLocation fromProto(const v1::SourceLocation &proto);

void toProto(const WeightBinding &binding, v1::WeightBinding *proto);
absl::StatusOr<WeightBinding> fromProto(const v1::WeightBinding &proto);

void toProto(const Inspection &inspection, v1::Inspected *proto);
absl::StatusOr<Inspection> fromProto(const v1::Inspected &proto);

void toProto(const CompilerInfo &info, v1::ServerInfo *proto);
absl::StatusOr<CompilerInfo> fromProto(const v1::ServerInfo &proto);

void toProto(std::chrono::microseconds elapsed, google::protobuf::Duration *proto);
std::chrono::microseconds fromProto(const google::protobuf::Duration &proto);

// A model without its descriptors.
void toProto(const Model &model, v1::Model *proto);
absl::StatusOr<Model> fromProto(const v1::Model &proto);

} // namespace linalgd
