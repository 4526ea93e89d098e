// The kernels as functions of a shared library: see cpu.h.
#include "cpu.h"
#include "../../kernels/grating_fit.cu"

template <typename T> static T &value(void *p) { return *(T *)p; }
template <typename T> static T *pointer(void *p) { return *(T **)p; }

// Arguments as cuLaunchKernel takes them: addresses of the values. 0: done, 1: no such kernel.
extern "C" int launch(const char *name, unsigned grid_x, unsigned grid_y, unsigned threads, void **a) {
  auto is = [&](const char *other) { return strcmp(name, other) == 0; };
  auto on_grid = [&](auto &&call) { cpu::launch(grid_x, grid_y, threads, call); return 0; };
  if (is("search_steps")) return on_grid([=] { search_steps(pointer<const Round>(a[0]), pointer<Quadratic>(a[1])); });
  if (is("transpose"))
    return on_grid([=] { transpose(pointer<const float>(a[0]), value<int>(a[1]), value<int>(a[2]), pointer<float>(a[3])); });
  if (is("search_round"))
    return on_grid([=] { search_round(value<Round>(a[0]), pointer<const Quadratic>(a[1]), pointer<const float>(a[2]), value<int>(a[3]), pointer<Search>(a[4])); });
  if (is("normal_rows"))
    return on_grid([=] { normal_rows(value<Pass>(a[0]), pointer<const float>(a[1]), pointer<const double>(a[2]), pointer<const int2>(a[3]), pointer<double>(a[4]), pointer<double>(a[5])); });
  if (is("normal_moments"))
    return on_grid([=] { normal_moments(value<Pass>(a[0]), pointer<const double>(a[1]), pointer<const double>(a[2]), pointer<double>(a[3])); });
  if (is("level_maps"))
    return on_grid([=] { level_maps(value<Pass>(a[0]), pointer<const float>(a[1]), pointer<const double>(a[2]), pointer<float>(a[3])); });
  if (is("window_sums"))
    return on_grid([=] { window_sums(value<Pass>(a[0]), pointer<const float>(a[1]), pointer<const Window>(a[2]), pointer<double>(a[3])); });
  return 1;
}

// Sizes of the structures, in the order Quadratic, Round, Search, Pass, Window, and of the arrays that depend on the host.
extern "C" void sizes(unsigned long long *out) {
  unsigned long long all[] = {sizeof(Quadratic), sizeof(Round), sizeof(Search), sizeof(Pass), sizeof(Window),
    DRAWS, SEARCH_WARPS, SEARCH_BLOCKS, SUM_COPIES, TURN_TILE, TURN_ROWS, MAX_PHASE_DEGREE, MAX_LIGHT_DEGREE, MAX_ORDERS, PASS_THREADS, SQUARES, PRODUCTS, MAX_PAIRS,
    MOMENT_THREADS, LEVEL_THREADS, WINDOW_THREADS, WINDOW_SUMS,
    offsetof(Round, start), offsetof(Round, seed), offsetof(Round, duty), offsetof(Search, sums), offsetof(Pass, stride),
    offsetof(Pass, per_scale2), offsetof(Window, area), offsetof(Window, per_across)};
  memcpy(out, all, sizeof(all));
}
