// linalgd-tblgen: the schema table of an op family, and the check that every op of it is complete.
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/TableGen/Error.h"
#include "llvm/TableGen/Main.h"
#include "llvm/TableGen/Record.h"

using namespace llvm;

static bool hasTrait(const Record *op, StringRef name) {
  return any_of(op->getValueAsListOfDefs("traits"),
                [&](const Record *trait) { return trait->getName() == name; });
}

static bool isView(const Record *op) {
  return hasTrait(op, "IsView") || hasTrait(op, "IsContiguousView") || hasTrait(op, "IsMaybeView");
}

// "aten.add.Tensor" → "aten.add_.Tensor"
static std::string inPlaceName(const Record *op) {
  if (StringRef given = op->getValueAsString("inPlaceName"); !given.empty())
    return given.str();
  StringRef name = op->getValueAsString("opName");
  auto [space, rest] = name.split('.');
  auto [base, overload] = rest.split('.');
  std::string result = (space + "." + base + "_").str();
  return overload.empty() ? result : result + "." + overload.str();
}

// An op is lowered in one way: into other torch ops, or into linalg.
static bool checkComplete(const Record *op) {
  bool decomposes = hasTrait(op, "Decomposes"), lowers = hasTrait(op, "Lowers");
  if (op->getValueAsBit("structural") || decomposes != lowers)
    return true;
  PrintError(op, "op '" + op->getValueAsString("opName") + "' must have exactly one of " +
                     "Decomposes and Lowers, or be structural; it has " +
                     (decomposes ? "both" : "neither"));
  return false;
}

// What an op writes to is said in its record and done in its method.
static bool checkWrites(const Record *op) {
  if (op->getValueAsListOfStrings("writes").empty() != hasTrait(op, "Writes"))
    return true;
  PrintError(op, "op '" + op->getValueAsString("opName") +
                     "' must have both or neither of the "
                     "trait Writes and a list `writes`");
  return false;
}

// The in-place twin calls its first argument self, whatever the functional op calls it.
static void emitArgs(const Record *op, bool inPlace, raw_ostream &os) {
  const DagInit *arguments = op->getValueAsDag("arguments");
  os << "static const ArgSchema " << (inPlace ? "kInPlaceArgs_" : "kArgs_") << op->getName()
     << "[] = {\n";
  for (unsigned i = 0; i < arguments->getNumArgs(); ++i) {
    const Record *arg = cast<DefInit>(arguments->getArg(i))->getDef();
    auto flag = [&](StringRef field) { return arg->getValueAsBit(field) ? "true" : "false"; };
    std::string defaultValue;
    raw_string_ostream(defaultValue).write_escaped(arg->getValueAsString("defaultValue"));
    os << formatv("    {{\"{0}\", \"{1}\", \"{2}\", ArgKind::{3}, {4}, {5}, {6}, {7}, {8}},\n",
                  inPlace && i == 0 ? "self" : arguments->getArgNameStr(i),
                  arg->getValueAsString("schema"), defaultValue, arg->getValueAsString("kind"),
                  flag("isList"), flag("isOptional"), flag("optionalElements"), flag("kwOnly"),
                  arg->getValueAsInt("listSize"));
  }
  if (arguments->getNumArgs() == 0)
    os << "    {}\n";
  os << "};\n";
}

static void emitResults(const Record *op, raw_ostream &os) {
  const DagInit *results = op->getValueAsDag("results");
  os << "static const llvm::StringRef kResults_" << op->getName() << "[] = {";
  for (unsigned i = 0; i < results->getNumArgs(); ++i)
    os << "\"" << cast<DefInit>(results->getArg(i))->getDef()->getValueAsString("schema") << "\", ";
  os << (results->getNumArgs() ? "};\n" : "\"\"};\n");
}

// The position of a named argument.
static int indexOf(const Record *op, StringRef argument) {
  const DagInit *arguments = op->getValueAsDag("arguments");
  for (unsigned i = 0; i < arguments->getNumArgs(); ++i)
    if (arguments->getArgNameStr(i) == argument)
      return static_cast<int>(i);
  PrintFatalError(op,
                  "op '" + op->getValueAsString("opName") + "' has no argument '" + argument + "'");
}

static void emitWrites(const Record *op, raw_ostream &os) {
  os << "static const unsigned kWrites_" << op->getName() << "[] = {";
  for (StringRef argument : op->getValueAsListOfStrings("writes"))
    os << indexOf(op, argument) << ", ";
  os << "0};\n";
}

static void emitSchema(const Record *op, StringRef name, StringRef inPlaceOf, raw_ostream &os) {
  auto flag = [](bool value) { return value ? "true" : "false"; };
  unsigned args = op->getValueAsDag("arguments")->getNumArgs();
  unsigned results = op->getValueAsDag("results")->getNumArgs();
  size_t writes = inPlaceOf.empty() ? op->getValueAsListOfStrings("writes").size() : 0;
  StringRef writesIf = op->getValueAsString("writesIf");
  os << formatv("    {{\"{0}\", llvm::ArrayRef({9}_{1}).take_front({2}), "
                "llvm::ArrayRef(kResults_{1}).take_front({3}), \"{4}\", "
                "llvm::ArrayRef(kWrites_{1}).take_front({10}), {11}, {5}, {6}, {7}, {8}},\n",
                name, op->getName(), args, results, inPlaceOf, flag(op->getValueAsBit("random")),
                flag(hasTrait(op, "Decomposes")), flag(hasTrait(op, "Lowers")), flag(isView(op)),
                inPlaceOf.empty() ? "kArgs" : "kInPlaceArgs", writes,
                writesIf.empty() ? -1 : indexOf(op, writesIf));
}

static bool emitFamily(raw_ostream &os, const RecordKeeper &records) {
  bool complete = true;
  for (const Record *op : records.getAllDerivedDefinitions("Torch_Op"))
    complete &= checkComplete(op);
  auto ops = records.getAllDerivedDefinitions("Torch_SchemaOp");
  for (const Record *op : ops)
    complete &= checkWrites(op);
  if (!complete)
    return true;
  os << "// Generated by linalgd-tblgen.\n";
  for (const Record *op : ops) {
    emitArgs(op, /*inPlace=*/false, os);
    if (op->getValueAsBit("inPlace"))
      emitArgs(op, /*inPlace=*/true, os);
    emitResults(op, os);
    emitWrites(op, os);
  }
  os << "static const OpSchema kSchemas[] = {\n";
  for (const Record *op : ops) {
    StringRef name = op->getValueAsString("opName");
    emitSchema(op, name, "", os);
    if (op->getValueAsBit("inPlace"))
      emitSchema(op, inPlaceName(op), name, os);
  }
  os << "};\n";
  return false;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "Schema tables of op families\n");
  return TableGenMain(argv[0], emitFamily);
}
