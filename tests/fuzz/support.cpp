#include "tests/fuzz/support.h"

#include "compiler/import/test_models.h"

#include <sanitizer/allocator_interface.h>
#include <sanitizer/common_interface_defs.h>

#include <cstdio>
#include <cstdlib>

namespace linalgd::fuzz {
namespace {

// Of the one bound that is in force, on the thread it was made on.
thread_local bool counting = false;
thread_local int64_t liveBytes = 0;
thread_local int64_t mostBytes = 0;

void onMalloc(const volatile void *, size_t size) {
  if (!counting)
    return;
  liveBytes += static_cast<int64_t>(size);
  if (liveBytes <= mostBytes)
    return;
  counting = false;
  std::fprintf(stderr,
               "==fuzz== %lld bytes are allocated where %lld are allowed, the last %zu here:\n",
               static_cast<long long>(liveBytes), static_cast<long long>(mostBytes), size);
  __sanitizer_print_stack_trace();
  std::abort();
}

void onFree(const volatile void *pointer) {
  // What is freed twice is for the allocator to report.
  if (counting && __sanitizer_get_ownership(const_cast<const void *>(pointer)))
    liveBytes -=
        static_cast<int64_t>(__sanitizer_get_allocated_size(const_cast<const void *>(pointer)));
}

} // namespace

AllocationBound::AllocationBound(size_t inputBytes, size_t factor, size_t base) {
  static const bool isInstalled = __sanitizer_install_malloc_and_free_hooks(onMalloc, onFree) != 0;
  if (!isInstalled)
    fail("the allocator's hooks cannot be installed");
  liveBytes = 0;
  mostBytes = static_cast<int64_t>(base + factor * inputBytes);
  counting = true;
}

AllocationBound::~AllocationBound() { counting = false; }

void fail(std::string_view what) {
  counting = false;
  std::fprintf(stderr, "==fuzz== %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

void QuietSink::diagnostic(Diagnostic diagnostic) {
  if (diagnostic.message.empty() || diagnostic.code.empty())
    fail("a diagnostic without a code or a message");
  numErrors += diagnostic.severity == Severity::Error;
}

Model modelOf(std::string_view bytes) { return testing::modelOf(std::string(bytes)); }

void checkFailure(const absl::Status &status, const QuietSink &sink) {
  if (status.message().empty() || sink.numErrors == 0)
    fail("a failure that does not say why");
  if (!absl::IsInvalidArgument(status) && !absl::IsUnimplemented(status))
    fail(std::string("a failure that is ours: ") + status.ToString());
}

} // namespace linalgd::fuzz

// Leaks are looked for where nothing but code of ours allocates. libtorch's allocator asks for what
// a file says and reports a null pointer as its error.
extern "C" const char *__asan_default_options() {
  return "allocator_may_return_null=1:detect_leaks=0:handle_abort=1:symbolize=1";
}
extern "C" const char *__ubsan_default_options() { return "print_stacktrace=1"; }
