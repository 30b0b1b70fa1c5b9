// The torch dialect: registration, the uniform text of ops, interface fallbacks, structural ops.
#include "compiler/dialect/matchers.h"
#include "compiler/dialect/op_schema.h"

#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"

using namespace mlir;
using namespace linalgd::torch;

#include "compiler/dialect/TorchDialect.cpp.inc"
#include "compiler/dialect/TorchInterfaces.cpp.inc"

namespace linalgd::torch {

void TorchDialect::initialize() {
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "compiler/dialect/TorchOps.cpp.inc"
      >();
  for (const OpFamily &family : opFamilies()) {
    family.registerOps(*this);
    for (const OpSchema &schema : family.schemas)
      if (schema.inPlaceOf.size())
        addInPlaceOp(schema.name);
  }
}

//===-- text ----------------------------------------------------------------------------------===//

static ParseResult parseUniform(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperandList(operands) || parser.parseOptionalAttrDict(result.attributes))
    return failure();
  SmallVector<Type> operandTypes;
  if (!operands.empty() && parser.parseColonTypeList(operandTypes))
    return failure();
  if (succeeded(parser.parseOptionalArrow()) && parser.parseTypeList(result.types))
    return failure();
  return parser.resolveOperands(operands, operandTypes, loc, result.operands);
}

static void printUniform(Operation *op, OpAsmPrinter &printer) {
  if (op->getNumOperands()) {
    printer << ' ';
    printer.printOperands(op->getOperands());
  }
  printer.printOptionalAttrDict(op->getAttrs());
  if (op->getNumOperands()) {
    printer << " : ";
    llvm::interleaveComma(op->getOperandTypes(), printer);
  }
  if (op->getNumResults()) {
    printer << " -> ";
    llvm::interleaveComma(op->getResultTypes(), printer);
  }
}

static ParseResult parseUnknown(OpAsmParser &parser, OperationState &result) {
  StringAttr name = parser.getBuilder().getStringAttr(result.name.getStringRef());
  result.name = OperationName(OperatorOp::getOperationName(), parser.getContext());
  if (parseUniform(parser, result))
    return failure();
  result.addAttribute("name", name);
  return success();
}

std::optional<Dialect::ParseOpHook> TorchDialect::getParseOperationHook(StringRef opName) const {
  if (RegisteredOperationName::lookup(opName, getContext()))
    return ParseOpHook(parseUniform);
  // `torch.<ns>.<op>` that linalgd gives no behaviour.
  if (opName.count('.') < 2)
    return std::nullopt;
  return ParseOpHook(parseUnknown);
}

llvm::unique_function<void(Operation *, OpAsmPrinter &)>
TorchDialect::getOperationPrinter(Operation *) const {
  return printUniform;
}

void TorchDialect::addInPlaceOp(StringRef name) {
  auto verify = [](Operation *op) -> LogicalResult {
    const OpSchema *schema = lookupSchema(op->getName().getStringRef());
    if (op->getNumOperands() != schema->args.size())
      return op->emitOpError("requires ") << schema->args.size() << " operands";
    if (op->getNumResults() > 1)
      return op->emitOpError("has at most one result");
    if (!isa<NonValueTensorType>(op->getOperand(0).getType()))
      return op->emitOpError("writes to operand #0, which must be a non-value tensor");
    return success();
  };
  auto verifyRegions = [](Operation *) { return success(); };
  registerDynamicOp(DynamicOpDefinition::get(name, this, verify, verifyRegions, parseUniform,
                                             [](Operation *op, OpAsmPrinter &printer, StringRef) {
                                               printer << op->getName();
                                               printUniform(op, printer);
                                             }));
}

StringRef getQualifiedName(Operation *op) {
  StringRef name = op->getName().getStringRef();
  if (auto unknown = dyn_cast<OperatorOp>(op))
    name = unknown.getName();
  name.consume_front("torch.");
  return name;
}

bool isInPlaceName(StringRef qualified) {
  StringRef base = qualified.split('.').second.split('.').first;
  return base.size() > 1 && base.ends_with("_") && !base.ends_with("__");
}

//===-- interfaces ----------------------------------------------------------------------------===//

namespace {
// Ops of families have no effects of their own: this stands for `Pure` on each of them, at no cost
// an op. What they read of a non-value tensor may change between two of them.
struct TensorEffects : MemoryEffectOpInterface::FallbackModel<TensorEffects> {
  void
  getEffects(Operation *op,
             SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) const {
    for (OpOperand &operand : op->getOpOperands())
      if (isa<NonValueTensorType>(operand.get().getType()))
        effects.emplace_back(MemoryEffects::Read::get(), &operand);
  }
};
struct AlwaysSpeculatable : ConditionallySpeculatable::FallbackModel<AlwaysSpeculatable> {
  Speculation::Speculatability getSpeculatability(Operation *) const {
    return Speculation::Speculatable;
  }
};
} // namespace

void *TorchDialect::getRegisteredInterfaceForOp(TypeID interfaceID, OperationName opName) {
  static TensorEffects effects;
  static AlwaysSpeculatable speculatable;
  const OpSchema *schema = lookupSchema(opName.getStringRef());
  // What has no result, an assertion, is there for its effect.
  if (!schema || schema->random || !schema->inPlaceOf.empty() || schema->results.empty())
    return nullptr;
  if (interfaceID == MemoryEffectOpInterface::getInterfaceID())
    return &effects;
  if (interfaceID == ConditionallySpeculatable::getInterfaceID())
    return &speculatable;
  return nullptr;
}

//===-- structural ops ------------------------------------------------------------------------===//

Operation *TorchDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type,
                                             Location loc) {
  if (isa<torch::IntType>(type))
    return ConstantIntOp::create(builder, loc, cast<IntegerAttr>(value));
  if (isa<torch::FloatType>(type))
    return ConstantFloatOp::create(builder, loc, cast<FloatAttr>(value));
  if (isa<torch::BoolType>(type))
    return ConstantBoolOp::create(builder, loc, cast<BoolAttr>(value));
  if (isa<StringType>(type))
    return ConstantStrOp::create(builder, loc, cast<StringAttr>(value));
  if (isa<DeviceType>(type))
    return ConstantDeviceOp::create(builder, loc, cast<StringAttr>(value));
  if (isa<NumberType>(type))
    return ConstantNumberOp::create(builder, loc, value);
  if (isa<torch::NoneType>(type))
    return ConstantNoneOp::create(builder, loc);
  return nullptr;
}

static std::string printed(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream os(text);
  attribute.print(os, /*elideType=*/true);
  return text;
}

OpFoldResult ConstantIntOp::fold(FoldAdaptor) { return getValueAttr(); }
OpFoldResult ConstantFloatOp::fold(FoldAdaptor) { return getValueAttr(); }
OpFoldResult ConstantBoolOp::fold(FoldAdaptor) { return getValueAttr(); }
OpFoldResult ConstantStrOp::fold(FoldAdaptor) { return getValueAttr(); }
OpFoldResult ConstantDeviceOp::fold(FoldAdaptor) { return getValueAttr(); }
OpFoldResult ConstantNumberOp::fold(FoldAdaptor) { return getValueAttr(); }
OpFoldResult ConstantNoneOp::fold(FoldAdaptor) { return UnitAttr::get(getContext()); }

void ConstantIntOp::getAsmResultNames(OpAsmSetValueNameFn set) {
  set(getResult(), "int" + printed(getValueAttr()));
}
void ConstantFloatOp::getAsmResultNames(OpAsmSetValueNameFn set) {
  set(getResult(), "float" + printed(getValueAttr()));
}
void ConstantBoolOp::getAsmResultNames(OpAsmSetValueNameFn set) {
  set(getResult(), getValue() ? "true" : "false");
}
void ConstantStrOp::getAsmResultNames(OpAsmSetValueNameFn set) { set(getResult(), "str"); }
void ConstantDeviceOp::getAsmResultNames(OpAsmSetValueNameFn set) { set(getResult(), getValue()); }
void ConstantNumberOp::getAsmResultNames(OpAsmSetValueNameFn set) {
  set(getResult(), "number" + printed(getValueAttr()));
}
void ConstantNoneOp::getAsmResultNames(OpAsmSetValueNameFn set) { set(getResult(), "none"); }

// A literal of a weight is called after its slot.
static void nameLiteral(Value result, ElementsAttr value, OpAsmSetValueNameFn set) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value))
    set(result, resource.getRawHandle().getKey());
}
void TensorLiteralOp::getAsmResultNames(OpAsmSetValueNameFn set) {
  nameLiteral(getResult(), getValue(), set);
}
void ValueTensorLiteralOp::getAsmResultNames(OpAsmSetValueNameFn set) {
  nameLiteral(getResult(), getValue(), set);
}

static LogicalResult verifyLiteral(Operation *op, ElementsAttr value) {
  auto type = cast<BaseTensorType>(op->getResult(0).getType());
  ShapedType shaped = value.getShapedType();
  BaseTensorType own = type.with(shaped.getShape(), shaped.getElementType());
  if (areCompatible(own, type))
    return success();
  return op->emitOpError("has data of type ") << shaped << " and result type " << type;
}
LogicalResult TensorLiteralOp::verify() { return verifyLiteral(*this, getValue()); }
LogicalResult ValueTensorLiteralOp::verify() { return verifyLiteral(*this, getValue()); }

OpFoldResult TensorStaticInfoCastOp::fold(FoldAdaptor) {
  return getOperand().getType() == getType() ? OpFoldResult(getOperand()) : OpFoldResult();
}
LogicalResult TensorStaticInfoCastOp::verify() {
  if (areCompatible(getOperand().getType(), getType()))
    return success();
  return emitOpError("cannot cast ") << getOperand().getType() << " to " << getType();
}
OpFoldResult DerefineOp::fold(FoldAdaptor) {
  return getOperand().getType() == getType() ? OpFoldResult(getOperand()) : OpFoldResult();
}

// `torch.copy.to_tensor %0 : !torch.tensor<[2],f32>`: the operand has the other kind of that type.
static ParseResult parseCopy(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand operand;
  SMLoc loc;
  BaseTensorType type;
  if (parser.parseOperand(operand) || parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColon() || parser.getCurrentLocation(&loc) || parser.parseType(type))
    return failure();
  result.addTypes(type);
  return parser.resolveOperand(operand, type.isValue() ? type.asNonValue() : type.asValue(),
                               result.operands);
}
static void printCopy(Operation *op, OpAsmPrinter &printer) {
  printer << ' ' << op->getOperand(0);
  printer.printOptionalAttrDict(op->getAttrs());
  printer << " : " << op->getResult(0).getType();
}
ParseResult CopyToNonValueTensorOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseCopy(parser, result);
}
void CopyToNonValueTensorOp::print(OpAsmPrinter &printer) { printCopy(*this, printer); }
ParseResult CopyToValueTensorOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseCopy(parser, result);
}
void CopyToValueTensorOp::print(OpAsmPrinter &printer) { printCopy(*this, printer); }

} // namespace linalgd::torch

#define GET_OP_CLASSES
#include "compiler/dialect/TorchOps.cpp.inc"
