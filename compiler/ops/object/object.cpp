// Text and verification of the object graph.
#include "compiler/ops/object/object.h"
#include "compiler/ops/object/functions.h"

using namespace mlir;

namespace linalgd::torch {

// A value may be given where its type is the declared one, or a narrower one.
static bool fits(Type value, Type declared) {
  if (auto optional = dyn_cast<OptionalType>(declared))
    return isa<torch::NoneType>(value) || fits(value, optional.getContainedType()) ||
           value == declared;
  if (auto members = dyn_cast<UnionType>(declared))
    return value == declared || llvm::any_of(members.getContainedTypes(),
                                             [&](Type member) { return fits(value, member); });
  // The class of an interface is not that of the object.
  return areCompatible(value, declared) ||
         (isa<NnModuleType>(value) && isa<NnModuleType>(declared));
}

//===-- classes -------------------------------------------------------------------------------===//

LogicalResult ClassTypeOp::verify() {
  llvm::StringMap<Operation *> names;
  for (Operation &member : getBody().front()) {
    if (!isa<AttrOp, MethodOp>(member))
      return member.emitOpError("is no member of a class");
    auto name = member.getAttrOfType<StringAttr>("name").getValue();
    auto [known, isNew] = names.try_emplace(name, &member);
    if (!isNew)
      return member.emitError("the class has two members '") << name << "'";
  }
  return success();
}

LogicalResult MethodOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto module = (*this)->getParentOfType<ModuleOp>();
  auto function = symbols.lookupSymbolIn<func::FuncOp>(module, getFunctionAttr());
  if (!function)
    return emitError("'") << getFunction() << "' is no function";
  auto owner = cast<ClassTypeOp>((*this)->getParentOp());
  if (!function.isPrivate())
    return emitError("the function of a method must be private, and '")
           << getFunction() << "' is not";
  auto type = function.getNumArguments()
                  ? dyn_cast<NnModuleType>(function.getArgumentTypes().front())
                  : NnModuleType();
  if (!type || type.getClassName() != owner.getSymName())
    return emitError("the first argument of a method must be an object of its class, '")
           << owner.getSymName() << "'";
  return success();
}

//===-- objects -------------------------------------------------------------------------------===//

LogicalResult NnModuleOp::verifySymbolUses(SymbolTableCollection &symbols) {
  StringRef name = getResult().getType().getClassName();
  auto type = symbols.lookupSymbolIn<ClassTypeOp>((*this)->getParentOfType<ModuleOp>(),
                                                  StringAttr::get(getContext(), name));
  if (!type)
    return emitError("there is no class '") << name << "'";
  auto attributes = type.getBody().getOps<AttrOp>();
  auto slots = getBody().getOps<SlotOp>();
  for (Operation &op : getBody().front())
    if (!isa<SlotOp>(op))
      return op.emitOpError("is no slot of an object");
  if (llvm::range_size(attributes) != llvm::range_size(slots))
    return emitError("the object has ") << llvm::range_size(slots) << " slots, and its class has "
                                        << llvm::range_size(attributes) << " attributes";
  for (auto [attribute, slot] : llvm::zip_equal(attributes, slots)) {
    if (attribute.getName() != slot.getName())
      return slot.emitOpError("is in the place of the attribute '") << attribute.getName() << "'";
    if (!fits(slot.getValue().getType(), attribute.getType()))
      return slot.emitOpError("has a value of type ")
             << slot.getValue().getType() << "; the attribute is of type " << attribute.getType();
  }
  return success();
}

// The members of one enum differ in their names.
Value compareEnums(TorchBuilder &b, Value first, Value second, bool equal) {
  auto name = [&](Value member) -> Value {
    return GetAttrOp::create(b, torch::StringType::get(b.getContext()), member, "name");
  };
  if (!isa<NnModuleType>(first.getType()) || !isa<NnModuleType>(second.getType()))
    return {};
  Value x = name(first), y = name(second);
  return equal ? Value(EqStrOp::create(b, x, y)) : Value(NeStrOp::create(b, x, y));
}

//===-- globals -------------------------------------------------------------------------------===//

static LogicalResult verifySlotUse(Operation *op, FlatSymbolRefAttr name, Type type, bool isRead,
                                   SymbolTableCollection &symbols) {
  auto slot = symbols.lookupNearestSymbolFrom<GlobalSlotOp>(op, name);
  if (!slot)
    return op->emitError("there is no global slot '") << name.getValue() << "'";
  Type bound = slot.getTypeBound();
  if (isRead ? areCompatible(bound, type) || fits(type, bound) : fits(type, bound))
    return success();
  return op->emitError("a value of type ")
         << type << " does not go with the slot '" << name.getValue() << "' of type " << bound;
}
LogicalResult GlobalSlotGetOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifySlotUse(*this, getSlotAttr(), getType(), true, symbols);
}
LogicalResult GlobalSlotSetOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifySlotUse(*this, getSlotAttr(), getValue().getType(), false, symbols);
}
void GlobalSlotGetOp::getAsmResultNames(OpAsmSetValueNameFn set) { set(getResult(), getSlot()); }

LogicalResult GlobalSlotModuleInitializerOp::verify() {
  if (!isa<InitializeGlobalSlotsOp>(getInitializer().front().back()))
    return emitOpError("does not end in torch.initialize.global_slots");
  return success();
}

LogicalResult InitializeGlobalSlotsOp::verify() {
  if (getSlotSymNames().size() == getInitialValues().size())
    return success();
  return emitOpError("names ") << getSlotSymNames().size() << " slots for "
                               << getInitialValues().size() << " values";
}

// `[ @a(%0 : !torch.int) @b(%1 : !torch.tensor) ]`
ParseResult InitializeGlobalSlotsOp::parse(OpAsmParser &parser, OperationState &result) {
  if (parser.parseOptionalAttrDict(result.attributes) || parser.parseLSquare())
    return failure();
  SmallVector<Attribute> names;
  while (failed(parser.parseOptionalRSquare())) {
    StringAttr name;
    OpAsmParser::UnresolvedOperand value;
    Type type;
    if (parser.parseSymbolName(name) || parser.parseLParen() || parser.parseOperand(value) ||
        parser.parseColonType(type) || parser.parseRParen() ||
        parser.resolveOperand(value, type, result.operands))
      return failure();
    names.push_back(FlatSymbolRefAttr::get(name));
  }
  result.addAttribute("slotSymNames", parser.getBuilder().getArrayAttr(names));
  return success();
}

void InitializeGlobalSlotsOp::print(OpAsmPrinter &printer) {
  printer.printOptionalAttrDict((*this)->getAttrs(), {"slotSymNames"});
  printer << " [";
  for (auto [name, value] : llvm::zip_equal(getSlotSymNames(), getInitialValues())) {
    printer.printNewline();
    printer << "  ";
    printer.printAttribute(name);
    printer << "(" << value << " : " << value.getType() << ")";
  }
  printer.printNewline();
  printer << "]";
}

} // namespace linalgd::torch
