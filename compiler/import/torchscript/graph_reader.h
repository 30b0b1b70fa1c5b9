// From a TorchScript graph to the neutral graph. Includes libtorch: private to this folder.
#pragma once

#include "compiler/import/graph.h"
#include "compiler/import/torchscript/loader.h"

#include <torch/csrc/jit/ir/ir.h>

#include <string>
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
  // What a TorchScript value stands for while reading.
  struct Binding {
    Argument argument;  // of everything but modules
    std::string module; // path of a module; its object is `object`
    c10::IValue object;
    bool isModule = false;
  };

  absl::Status readInputs(const torch::jit::Graph &graph);
  absl::Status readNodes(const torch::jit::Block &block);
  absl::Status readNode(const torch::jit::Node &node);
  absl::Status readConstant(const torch::jit::Node &node);
  absl::Status readAttribute(const torch::jit::Node &node);
  absl::Status readOperator(const torch::jit::Node &node);
  // control_flow.cpp
  absl::Status readIf(const torch::jit::Node &node);
  absl::Status readLoop(const torch::jit::Node &node);
  absl::StatusOr<BlockId> readBlock(const torch::jit::Block &block);
  void readUnpack(const torch::jit::Node &node);
  void readTupleIndex(const torch::jit::Node &node);
  void readCast(const torch::jit::Node &node);
  Argument unpacked(const Argument &value, const c10::Type &type);

  void readList(const torch::jit::Node &node);
  void readDict(const torch::jit::Node &node);
  bool readDictItem(const torch::jit::Node &node);
  absl::Status readOutputs(const torch::jit::Graph &graph);

  absl::StatusOr<Argument> weight(const at::Tensor &tensor, const std::string &slot,
                                  GraphInput::Kind kind);
  absl::StatusOr<Argument> constant(const c10::IValue &value, const std::string &slot,
                                    GraphInput::Kind kind);
  Argument result(const torch::jit::Value &value);
  void refuse(const torch::jit::Node &node, const std::string &reason);
  void bind(const torch::jit::Value *value, Argument argument);
  const Argument &argument(const torch::jit::Value *value) const;
  SourceLocation location(const torch::jit::Node &node) const;

  const TorchScriptFile &file_;
  const Options &options_;
  Graph graph_;
  BlockId block_ = BlockId(0); // being read
  std::unordered_map<const torch::jit::Value *, Binding> bindings_;
  std::unordered_map<std::string, ValueId> weights_; // by slot
  std::vector<GraphInput> weightInputs_;
  std::vector<Diagnostic> unsupported_;
  size_t numTensorConstants_ = 0;
};

} // namespace linalgd
