// The importer's insides: one object for one graph.
#pragma once

#include "compiler/dialect/op_schema.h"
#include "compiler/dialect/torch.h"
#include "compiler/import/importer.h"
#include "compiler/import/usage.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <unordered_map>

namespace linalgd {

// Where a node is, by id or by Python line.
mlir::Location makeLocation(mlir::MLIRContext *context, size_t node, const Options &options,
                            const SourceMap &sourceMap);

// torch's element type, with signedness.
mlir::Type convertDType(mlir::MLIRContext *context, DType dtype);
// Tensors without value semantics, everything else as it is. `graph` knows the classes.
mlir::Type convertType(mlir::MLIRContext *context, const Graph &graph, const GraphType &type);

// The data of a weight: a resource named after its slot, over the mapped blob where that is
// possible, without data where there is none; small constants of the code as they are.
mlir::ElementsAttr makeWeightData(mlir::MLIRContext *context, const ImportedModel &model,
                                  const Weight &weight);

// The op for a target that is a function of Python's own on numbers, "_operator.add": PyTorch's
// scalar op for the types of its operands, "aten.add.int", which may convert them. Anything else
// stays as it is.
std::string resolvePythonOperator(mlir::ImplicitLocOpBuilder &b, const std::string &target,
                                  llvm::SmallVectorImpl<mlir::Value> &operands);

class GraphImporter {
public:
  GraphImporter(const ImportedModel &model, const Options &options, const SourceMap &sourceMap,
                mlir::MLIRContext &context);

  mlir::OwningOpRef<mlir::ModuleOp> run();

private:
  // graph_importer.cpp
  mlir::Location locationOf(size_t node);
  llvm::LogicalResult importArguments(mlir::func::FuncOp function);
  void bindSymbolicShapes();
  void importWeights();
  llvm::LogicalResult importNodes(const GraphBlock &block);
  llvm::LogicalResult importNode(const Node &node);
  llvm::LogicalResult importOutputs();
  llvm::LogicalResult checkOutput(const GraphOutput &output);
  llvm::LogicalResult bindResults(const Node &node, mlir::Operation *op);
  mlir::Type resultType(const Argument &output);
  mlir::Value valueOf(ValueId value) const { return values_.at(value); }

  void importWeight(const GraphInput &weight);

  // object_importer.cpp
  void importClasses();
  mlir::Value importObject(ObjectId id);
  mlir::Value objectInFunction(ObjectId id);
  bool importConstants(const GraphBlock &block);
  bool importConstants(const Argument &argument);
  bool importMade(const Node &node);
  llvm::LogicalResult importFunction(const GraphFunction &function);
  llvm::LogicalResult importProgram();
  mlir::Value coerce(mlir::Value value, mlir::Type type);
  std::optional<llvm::SmallVector<mlir::Value>>
  callArguments(llvm::ArrayRef<NamedArgument> arguments, const GraphFunction *callee);
  const GraphFunction *methodOf(mlir::Type receiver, llvm::StringRef name);
  llvm::LogicalResult importObjectNode(const Node &node);
  llvm::LogicalResult importDict(const Node &node);

  // control_flow.cpp
  llvm::LogicalResult importIf(const Node &node);
  llvm::LogicalResult importLoop(const Node &node);
  llvm::LogicalResult importBlock(const GraphBlock &block, mlir::Region &region,
                                  llvm::SmallVectorImpl<mlir::Value> &results,
                                  mlir::TypeRange types);
  const GraphBlock *blockOf(const Node &node, size_t input);
  mlir::Value typedArgument(const Argument &argument, mlir::Type type);

  // arguments.cpp: null after an error.
  const torch::OpSchema *schemaFor(const Node &node);
  mlir::Value numberAsTensor(const Argument &number, const Node &node);
  mlir::Value complexAsTensor(std::complex<double> number, mlir::Type dtype);
  std::optional<llvm::SmallVector<mlir::Value>> arguments(const Node &node,
                                                          const torch::OpSchema *schema);
  mlir::Value argument(const Argument &argument, const torch::ArgSchema &schema);
  mlir::Value element(const Argument &argument, torch::ArgKind kind);
  mlir::Value list(const ArgumentList &list, const torch::ArgSchema &schema);
  mlir::Value untypedArgument(const Argument &argument);
  mlir::Value untypedList(const ArgumentList &list);
  mlir::Value untypedDict(const ArgumentDict &dict);
  mlir::Value defaultOf(const torch::ArgSchema &schema);
  mlir::Value makeList(mlir::ValueRange elements, mlir::Type elementType);

  const ImportedModel &model_;
  const Graph &graph_;
  const Options &options_;
  const SourceMap &sourceMap_;
  mlir::MLIRContext *context_;
  mlir::ImplicitLocOpBuilder b_;
  std::vector<WrittenState> state_;
  std::unordered_map<ValueId, mlir::Value> values_;
  // A weight, or what is made of weights, and the last to have it: the module (1) or a function.
  struct Constant {
    const GraphInput *weight;
    const Node *made;
    size_t user = 0;
  };
  // Of programs: the objects of the module, the root in the entry function, and the constants.
  llvm::DenseMap<ObjectId, mlir::Value> objects_;
  mlir::Value self_;
  bool isInFunction_ = true;
  std::map<ValueId, Constant> constants_;
  size_t user_ = 1; // being imported
  size_t node_ = 0;
};

} // namespace linalgd
