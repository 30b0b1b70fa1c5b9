// From a TorchScript module to the neutral graph: its methods as they are, and the objects that
// they reach. Includes libtorch: private to this folder.
#pragma once

#include "compiler/import/graph.h"
#include "compiler/import/torchscript/loader.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace linalgd {

class GraphReader {
public:
  GraphReader(const TorchScriptFile &file, const Options &options)
      : file_(file), options_(options) {}

  absl::StatusOr<Graph> read();
  // What the graph holds that this reader does not know; read() failed with Unimplemented then.
  const std::vector<Diagnostic> &unsupported() const { return unsupported_; }

private:
  struct PendingObject {
    ObjectId id;
    c10::IValue value;
    std::string path; // from the root
  };

  // graph_reader.cpp
  void callForward(FunctionId forward, std::vector<Argument> arguments);
  FunctionId functionOf(torch::jit::Function &function);
  absl::Status readFunction(size_t index);
  absl::Status readNodes(const torch::jit::Block &block);
  absl::Status readNode(const torch::jit::Node &node);
  absl::Status readConstant(const torch::jit::Node &node);
  absl::Status readOperator(const torch::jit::Node &node);
  void readAttribute(const torch::jit::Node &node);
  void readMemberOfEnum(const torch::jit::Node &node);
  absl::Status readCall(const torch::jit::Node &node);
  void readMethodCall(const torch::jit::Node &node, const std::string &name);
  void readFork(const torch::jit::Node &node);
  void readIsInstance(const torch::jit::Node &node);
  std::string pythonName(const GraphType &type) const;
  std::string uniqueName(const std::string &base);
  Node makeNode(const torch::jit::Node &node, std::string target);
  void finish(const torch::jit::Node &node, Node out);
  absl::Status readBlocks(const torch::jit::Node &node, Node out);
  absl::StatusOr<BlockId> readBlock(const torch::jit::Block &block);

  // object_reader.cpp
  GraphType typeOf(const c10::Type &type);
  ClassId classOf(const c10::NamedType &type);
  void addMethod(const c10::NamedType &type, const std::string &name);
  void callMethod(const c10::Type &receiver, const std::string &name);
  void useAttribute(const c10::Type &receiver, const std::string &name);
  void useModules(const c10::Type &container);
  ObjectId objectOf(const c10::IValue &object, const std::string &path);
  absl::Status readObjects();
  absl::StatusOr<ObjectId> readEnum(const c10::IValue &member);
  absl::StatusOr<Argument> constant(const c10::IValue &value, const std::string &slot,
                                    GraphInput::Kind kind);
  absl::StatusOr<Argument> dictOf(const c10::IValue &value, const std::string &slot,
                                  GraphInput::Kind kind);
  absl::StatusOr<Argument> weight(const at::Tensor &tensor, const std::string &slot,
                                  GraphInput::Kind kind);
  absl::StatusOr<Argument> plainTensor(const at::Tensor &tensor, const std::string &slot,
                                       GraphInput::Kind kind);
  absl::StatusOr<Argument> storedTensor(const at::Tensor &tensor, DType dtype,
                                        const std::string &slot, GraphInput::Kind kind);

  // quantized.cpp
  static constexpr GraphInput::Kind kPackedKind = GraphInput::Kind::Buffer;
  Argument make(std::string target, GraphType type, std::vector<NamedArgument> inputs);
  absl::StatusOr<Argument> quantizedTensor(const at::Tensor &tensor, DType dtype,
                                           const std::string &slot, GraphInput::Kind kind);
  absl::StatusOr<Argument> packedParams(const c10::IValue &value, const std::string &slot);
  absl::StatusOr<std::vector<NamedArgument>>
  unpacked(const std::tuple<at::Tensor, std::optional<at::Tensor>> &parameters,
           const std::string &slot);
  template <int kSpatialDims>
  absl::StatusOr<Argument> convParams(const c10::IValue &value, TypeKind kind,
                                      const std::string &slot);
  absl::StatusOr<Argument> cellParams(const c10::IValue &value, const std::string &slot);

  void refuse(const torch::jit::Node &node, const std::string &reason, const std::string &hint);
  void bind(const torch::jit::Value *value, Argument argument);
  const Argument &argument(const torch::jit::Value *value) const;

  const TorchScriptFile &file_;
  const Options &options_;
  Graph graph_;
  BlockId block_ = BlockId(0); // being read
  std::unordered_map<const torch::jit::Value *, Argument> bindings_;
  std::vector<std::shared_ptr<torch::jit::Graph>> functions_; // of graph_.functions
  std::unordered_map<const torch::jit::Function *, FunctionId> functionIds_;
  std::vector<const c10::NamedType *> classes_;       // of graph_.classes
  std::unordered_map<std::string, ClassId> classIds_; // by qualified name
  std::set<std::string, std::less<>> names_;          // of classes and functions
  std::unordered_map<const void *, ObjectId> objects_;
  std::map<std::pair<ClassId, std::string>, ObjectId> enums_;
  std::deque<PendingObject> pending_;
  // Tensors that are the same one, under whatever name.
  std::map<std::tuple<const void *, int64_t, std::vector<int64_t>, std::vector<int64_t>, int>,
           ValueId>
      weights_;
  std::vector<GraphInput> weightInputs_;
  std::unordered_map<const void *, ValueId> packed_; // by their objects
  std::vector<Diagnostic> unsupported_;
  size_t numTensorConstants_ = 0;
};

} // namespace linalgd
