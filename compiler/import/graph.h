// A model as linalgd understands it, whatever it was written as: a graph of operator calls with
// typed values, weights by slot, symbols, pytree specs and, apart from all that, where each node
// came from.
#pragma once

#include "compiler/api/compiler.h"
#include "compiler/import/dtype.h"
#include "compiler/import/symbols.h"

#include <complex>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace linalgd {

// A size: a number, or an expression over the graph's symbols.
using Dimension = std::variant<int64_t, ExpressionPtr>;

struct TensorType {
  std::optional<DType> dtype = DType::Float32; // none: unknown
  bool ranked = true;                          // false: nothing is known of `sizes`
  std::vector<Dimension> sizes;
};

enum class TypeKind : uint8_t {
  None,
  Tensor,
  Int,
  Float,
  Bool,
  Number,
  String,
  Device,
  Generator,
  List,
  Optional,
  Tuple,
  Dict,
  Any,
  Union,
  Object,
  // What quantized operators keep their weights in.
  LinearParams,
  Conv2dParams,
  Conv3dParams,
  EmbeddingParams,
  CellParams
};

enum class ValueId : uint32_t {};    // index into Graph::values
enum class BlockId : uint32_t {};    // index into Graph::blocks
enum class ClassId : uint32_t {};    // index into Graph::classes
enum class ObjectId : uint32_t {};   // index into Graph::objects
enum class FunctionId : uint32_t {}; // index into Graph::functions

struct GraphType {
  TypeKind kind = TypeKind::Tensor;
  TensorType tensor; // Tensor
  // List, Optional: one; Tuple, Union: each; Dict: key and value
  std::vector<GraphType> parameters;
  ClassId object = ClassId(0); // Object

  static GraphType of(TypeKind kind) { return GraphType{kind, {}, {}}; }
  static GraphType of(TensorType tensor) {
    return GraphType{TypeKind::Tensor, std::move(tensor), {}};
  }
};

struct GraphValue {
  GraphType type;
};

struct Argument;
struct ArgumentList {
  TypeKind element = TypeKind::Any; // what an empty list would hold; Optional: tensors or None
  std::vector<Argument> items;
};
struct ArgumentDict {
  std::vector<Argument> keys;
  std::vector<Argument> items; // one for each key
};
struct DeviceName {
  std::string name;
};
struct OperatorName {
  std::string name;
};

// What an operator is given, or, with ValueIds, what it gives back.
struct Argument {
  std::variant<std::monostate, ValueId, int64_t, double, bool, std::complex<double>, std::string,
               DType, MemoryFormat, Layout, DeviceName, OperatorName, BlockId, ArgumentList,
               ArgumentDict, ObjectId, FunctionId>
      value;

  bool isNone() const { return std::holds_alternative<std::monostate>(value); }
  const ValueId *asValue() const { return std::get_if<ValueId>(&value); }
};

struct NamedArgument {
  std::string name; // the schema's; empty where the operator has no schema
  Argument argument;
};

struct Node {
  // "aten.add.Tensor" (without ".default"), "_operator.add", "math.sqrt", "mylib.op.overload",
  // "prim.GetAttr" (an object, a name), "prim.SetAttr" (and a value), "prim.CallMethod" (an object,
  // a name, arguments), "prim.CallFunction" (a function, arguments), "prim.CreateObject", "prim.If"
  // (a condition, two blocks), "prim.Loop" (the most rounds, a condition, a block from the round's
  // number and what is carried to the next condition and that, what is carried). Blocks use values
  // of the blocks around them.
  std::string target;
  std::vector<NamedArgument> inputs;
  // A ValueId, a list of them (an operator that returns a list, unpacked), or None.
  std::vector<Argument> outputs;
  SourceLocation source; // where its author wrote it; the file is empty where unknown
};

struct GraphBlock {
  std::vector<ValueId> inputs;
  std::vector<Node> nodes;
  std::vector<Argument> outputs;
};

// A leaf of (args, kwargs), or a weight.
struct GraphInput {
  enum class Kind : uint8_t { User, Constant, Parameter, Buffer, TensorConstant };
  Kind kind = Kind::User;
  std::string name;             // of the argument, or the weight's slot
  std::optional<ValueId> value; // none for constants
  Argument constant;            // Constant: what it was when the model was exported
  ExpressionPtr symbolic{};     // of an integer that sizes are said in terms of, its value in them
};

// A leaf of the result, or the new value of something the model writes.
struct GraphOutput {
  enum class Kind : uint8_t { User, BufferMutation, InputMutation };
  Kind kind = Kind::User;
  Argument value;
  // The slot of the buffer, or the name of the input. Of a User output, what it is the gradient of.
  std::string target;
};

// Tensor constants of a model's code up to this size are part of its graph; larger ones are slots.
inline constexpr uint64_t kMaxInlinedBytes = 256;

// PyTorch's own limit, of its tensor iterator.
inline constexpr size_t kMaxRank = 64;

// Where the bytes of a weight are.
struct Weight {
  std::string slot;
  DType dtype = DType::Float32;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides; // in elements
  bool bound = true;            // false: the model holds no data for it
  size_t blob = 0;              // index into Model::blobs
  uint64_t offset = 0;          // of the storage in that blob, bytes
  uint64_t storageBytes = 0;
  uint64_t storageOffset = 0; // of the first element in the storage, bytes
  // A small constant of the model's code: part of the graph and of every key, not a slot.
  bool inlined = false;

  bool contiguous() const;
  int64_t numElements() const;
};

// What the inputs' sizes and integers must satisfy beside their ranges.
struct GraphGuard {
  std::string text;         // for people: "x.shape[0] > y.shape[0]"
  ExpressionPtr expression; // a condition over symbols; null where it is of something else
};

// A class of a program's objects: modules, what the program makes itself, members of an enum. An
// interface has neither attributes nor methods.
struct GraphClass {
  struct Attribute {
    std::string name;
    GraphType type;
  };
  struct Method {
    std::string name;
    FunctionId function;
  };
  std::string name; // without its Python module, and unique
  std::vector<Attribute> attributes;
  std::vector<Method> methods;
};

// An object that is there when the program starts.
struct GraphObject {
  ClassId type = ClassId(0);
  std::vector<Argument> slots; // one for each attribute
};

struct GraphFunction {
  std::string name;          // unique
  BlockId body = BlockId(0); // its inputs are the arguments, it has one output
  GraphType result;
};

// What of a program's interface only lowering it finds out.
struct ProgramInterface {
  std::vector<std::string> slots; // the weights that are used, in order of first appearance
  std::vector<std::string> state; // inputs, then weights, that are written
};

struct Graph {
  std::vector<GraphValue> values; // numbered in the order of their definition
  std::vector<GraphBlock>
      blocks; // blocks[0] is the graph's own; it has `inputs` and `outputs` below
  std::vector<GraphInput> inputs;
  std::vector<GraphOutput> outputs; // the model's own, then what it writes
  std::vector<GraphSymbol> symbols;
  std::vector<GraphGuard> guards;
  std::map<std::string, Weight, std::less<>> weights; // by slot
  std::string inSpec, outSpec;                        // pytree specs, as torch writes them

  // Of a program of several functions on objects: the graph's own block calls a method of
  // objects[0] and gives back its result. `outputs` and `outSpec` are found by lowering it.
  std::vector<GraphClass> classes;
  std::vector<GraphObject> objects;
  // What objects and code hold that is made of weights: one output each, after what it is made of.
  std::vector<Node> made;
  std::vector<GraphFunction> functions;
  std::optional<ProgramInterface> interface;

  bool isProgram() const { return !objects.empty(); }

  ValueId addValue(GraphType type) {
    values.push_back({std::move(type)});
    return static_cast<ValueId>(values.size() - 1);
  }
  const GraphType &typeOf(ValueId id) const { return values[static_cast<size_t>(id)].type; }
  GraphBlock &block(BlockId id) { return blocks[static_cast<size_t>(id)]; }
  const GraphBlock &block(BlockId id) const { return blocks[static_cast<size_t>(id)]; }
  const GraphClass &classOf(ClassId id) const { return classes[static_cast<size_t>(id)]; }
  const GraphObject &object(ObjectId id) const { return objects[static_cast<size_t>(id)]; }
  const GraphFunction &function(FunctionId id) const { return functions[static_cast<size_t>(id)]; }
  GraphBlock &body() { return blocks.front(); }
  const GraphBlock &body() const { return blocks.front(); }
};

// The stable name of the `index`-th node of a graph, its blocks' nodes following in order: "n12".
std::string nodeId(size_t index);

// Calls `visit(node, index)` on every node: a block's nodes in order, and after each node those of
// its own blocks; then those of the graph's functions. `index` is the node's number in nodeId().
template <typename Visitor> void forEachNode(const Graph &graph, Visitor visit);

// Appends the values that an argument mentions, in order; for an argument of `outputs`, defines.
void collectValues(const Argument &argument, std::vector<ValueId> &values);
// Appends the blocks that an argument mentions, in order.
void collectBlocks(const Argument &argument, std::vector<BlockId> &blocks);

namespace detail {
template <typename Visitor>
void forEachNode(const Graph &graph, BlockId block, size_t &index, Visitor &visit) {
  for (const Node &node : graph.block(block).nodes) {
    visit(node, index++);
    std::vector<BlockId> blocks;
    for (const NamedArgument &input : node.inputs)
      collectBlocks(input.argument, blocks);
    for (BlockId inner : blocks)
      forEachNode(graph, inner, index, visit);
  }
}
} // namespace detail

template <typename Visitor> void forEachNode(const Graph &graph, Visitor visit) {
  size_t index = 0;
  detail::forEachNode(graph, BlockId(0), index, visit);
  for (const GraphFunction &function : graph.functions)
    detail::forEachNode(graph, function.body, index, visit);
}

} // namespace linalgd
