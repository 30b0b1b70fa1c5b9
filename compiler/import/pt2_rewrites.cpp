#include "compiler/import/pt2_rewrites.h"
#include "compiler/import/text.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"

namespace linalgd {
namespace {

llvm::StringRef withoutOverload(llvm::StringRef target) {
  auto [space, rest] = target.split('.');
  llvm::StringRef name = rest.split('.').first;
  return target.take_front(space.size() + 1 + name.size());
}

// What PyTorch runs in the lower precision, on every device.
bool isLowered(llvm::StringRef target) {
  static const llvm::StringSet<> ops = {"aten.conv1d",
                                        "aten.conv2d",
                                        "aten.conv3d",
                                        "aten.convolution",
                                        "aten._convolution",
                                        "aten.conv_tbc",
                                        "aten.conv_transpose1d",
                                        "aten.conv_transpose2d",
                                        "aten.conv_transpose3d",
                                        "aten.addmm",
                                        "aten.addmv",
                                        "aten.addr",
                                        "aten.addbmm",
                                        "aten.baddbmm",
                                        "aten.bmm",
                                        "aten.chain_matmul",
                                        "aten.linalg_multi_dot",
                                        "aten.linalg_vecdot",
                                        "aten.linear",
                                        "aten.matmul",
                                        "aten.mm",
                                        "aten.mv",
                                        "aten.prelu",
                                        "aten.scaled_dot_product_attention",
                                        "aten.einsum"};
  return ops.contains(withoutOverload(target));
}

// What PyTorch runs in float32 on some device; the dtype of the result tells.
bool isRaised(llvm::StringRef target) {
  static const llvm::StringSet<> ops = {"aten.acos",
                                        "aten.asin",
                                        "aten.cosh",
                                        "aten.erfinv",
                                        "aten.exp",
                                        "aten.expm1",
                                        "aten.log",
                                        "aten.log10",
                                        "aten.log2",
                                        "aten.log1p",
                                        "aten.reciprocal",
                                        "aten.rsqrt",
                                        "aten.sinh",
                                        "aten.tan",
                                        "aten.pow",
                                        "aten.softplus",
                                        "aten.layer_norm",
                                        "aten.native_layer_norm",
                                        "aten.group_norm",
                                        "aten.rms_norm",
                                        "aten.norm",
                                        "aten.nuclear_norm",
                                        "aten.linalg_vector_norm",
                                        "aten.linalg_matrix_norm",
                                        "aten.cosine_similarity",
                                        "aten.cdist",
                                        "aten.dist",
                                        "aten.pdist",
                                        "aten.renorm",
                                        "aten.mse_loss",
                                        "aten.l1_loss",
                                        "aten.smooth_l1_loss",
                                        "aten.huber_loss",
                                        "aten.nll_loss",
                                        "aten.nll_loss_nd",
                                        "aten.cross_entropy_loss",
                                        "aten.binary_cross_entropy",
                                        "aten.binary_cross_entropy_with_logits",
                                        "aten.kl_div",
                                        "aten.softmax",
                                        "aten.log_softmax",
                                        "aten.prod",
                                        "aten.cumprod",
                                        "aten.cumsum",
                                        "aten.sum",
                                        "aten.logsumexp",
                                        "aten.avg_pool3d",
                                        "aten.grid_sampler",
                                        "aten.trace",
                                        "aten.quantile"};
  return ops.contains(withoutOverload(target));
}

bool isFloat(std::optional<DType> dtype) {
  return dtype == DType::Float32 || dtype == DType::Float16 || dtype == DType::BFloat16;
}

std::optional<DType> resultDType(const Graph &graph, const Node &node) {
  if (node.outputs.empty())
    return std::nullopt;
  const ValueId *value = node.outputs.front().asValue();
  return value ? graph.typeOf(*value).tensor.dtype : std::nullopt;
}

} // namespace

ValueId appendNode(Graph &graph, BlockId block, std::string target,
                   std::vector<NamedArgument> inputs, GraphType type,
                   const SourceLocation &source) {
  ValueId result = graph.addValue(std::move(type));
  graph.block(block).nodes.push_back({std::move(target), std::move(inputs), {{result}}, source});
  return result;
}

std::string canonicalTarget(std::string_view given) {
  llvm::StringRef target = given;
  if (target.consume_front("torch.ops.") && !target.starts_with("higher_order."))
    target.consume_back(".default");
  llvm::StringRef plain = target;
  if (plain.consume_front("aten.sym_") &&
      (plain.starts_with("size") || plain == "numel" || plain.starts_with("stride") ||
       plain == "storage_offset"))
    return concat("aten.", std::string_view(plain));
  return target.str();
}

bool castOperands(Graph &graph, BlockId block, DType autocast, Node &node) {
  std::optional<DType> result = resultDType(graph, node);
  bool lowered = isLowered(node.target) && isFloat(result);
  if (lowered && result != autocast)
    return false;
  if (!lowered && !(isRaised(node.target) && result == DType::Float32))
    return true;
  DType wanted = lowered ? autocast : DType::Float32;
  for (NamedArgument &input : node.inputs) {
    const ValueId *value = input.argument.asValue();
    if (!value)
      continue;
    GraphType type = graph.typeOf(*value);
    if (type.kind != TypeKind::Tensor || !isFloat(type.tensor.dtype) || type.tensor.dtype == wanted)
      continue;
    type.tensor.dtype = wanted;
    input.argument = {appendNode(graph, block, "aten.to.dtype",
                                 {{"self", {*value}}, {"dtype", {wanted}}}, std::move(type),
                                 node.source)};
  }
  return true;
}

void expandSelection(Graph &graph, BlockId block, Node node) {
  if (node.inputs.size() == 3) {
    node.target = "prim.If";
    for (NamedArgument &input : node.inputs)
      input.name.clear();
    for (size_t branch : {1, 2}) {
      auto id = static_cast<BlockId>(graph.blocks.size());
      graph.blocks.emplace_back().outputs.push_back(std::move(node.inputs[branch].argument));
      node.inputs[branch].argument = {id};
    }
  }
  graph.block(block).nodes.push_back(std::move(node));
}

bool isCopyOfView(std::string_view target) {
  static const llvm::StringSet<> views = {
      "aten.alias_copy",  "aten.as_strided_copy", "aten.detach_copy",  "aten.diagonal_copy",
      "aten.expand_copy", "aten.narrow_copy",     "aten.permute_copy", "aten.select_copy",
      "aten.slice_copy",  "aten.squeeze_copy",    "aten.t_copy",       "aten.transpose_copy",
      "aten.unfold_copy", "aten.unsqueeze_copy",  "aten.view_copy"};
  return views.contains(withoutOverload(target));
}

void expandCopy(Graph &graph, BlockId block, Node node) {
  const ValueId *result = node.outputs.size() == 1 ? node.outputs.front().asValue() : nullptr;
  size_t suffix = node.target.find("_copy");
  if (result && suffix != std::string::npos) {
    node.target.erase(suffix, std::string_view("_copy").size());
    Argument view = {appendNode(graph, block, std::move(node.target), std::move(node.inputs),
                                GraphType(graph.typeOf(*result)), node.source)};
    node = {"aten.clone", {{"self", std::move(view)}}, std::move(node.outputs), node.source};
  }
  graph.block(block).nodes.push_back(std::move(node));
}

void dropNodeName(Node &node) {
  if (node.target != "aten._assert_scalar")
    return;
  for (NamedArgument &input : node.inputs)
    if (auto *text = std::get_if<std::string>(&input.argument.value))
      *text = llvm::StringRef(*text).split(" on node '").first.str();
}

} // namespace linalgd
