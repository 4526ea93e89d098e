// What touches every pixel: cost (4) of the stochastic search, the normal equations of the default method, and the sums
// of the local measurement. Host: src/grating/backend/cuda. Compiled at run time by NVRTC for the device that is found; tests
// compile the same source for the CPU (tests/kernels). docs/performance.md counts what each must cost at least.

#include "layout.h"
#include "model.h"
#include "draws.h"

// --- (a) stochastic search -------------------------------------------------------------------------------------------

// What each draw of each round adds to the mean; the first adds nothing. One round a block of DRAWS threads.
extern "C" __global__ void __launch_bounds__(DRAWS) search_steps(const Round *__restrict__ rounds, Quadratic *__restrict__ steps) {
  const Round &round = rounds[blockIdx.x];
  unsigned n = threadIdx.x;
  Quadratic by = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
  if (n > 0) {
    double step[5];
    for (unsigned k = 0; k < 5; k++) step[k] = round.sigma[k] * normal(round.seed, round.image_number, round.number, n, k);
    // About the centre, where steps are rounder than about the corner pixel (0, 0).
    double cx = round.centre[0], cy = round.centre[1];
    by.xy = step[0];
    by.yy = step[1];
    by.x = step[2] - step[0] * cy / 1000.0;
    by.y = step[3] - (step[0] * cx + 2.0 * step[1] * cy) / 1000.0;
    by.constant = step[4] - step[2] * cx - step[3] * cy + (step[0] * cx * cy + step[1] * cy * cy) / 1000.0;
  }
  steps[(size_t)blockIdx.x * DRAWS + n] = by;
}

__device__ __forceinline__ Quadratic moved(const Quadratic &mean, const Quadratic &by) {
  return {mean.xy + by.xy, mean.yy + by.yy, mean.seed + by.seed, mean.x + by.x, mean.y + by.y, mean.constant + by.constant};
}

// Rows and columns of an image exchanged: the v set then runs along rows, too.
extern "C" __global__ void __launch_bounds__(TURN_TILE * TURN_ROWS)
transpose(const float *__restrict__ image, int width, int height, float *__restrict__ turned) {
  // One column more: lanes that read a column read different banks.
  __shared__ float tile[TURN_TILE][TURN_TILE + 1];
  int column = threadIdx.x % TURN_TILE, first = threadIdx.x / TURN_TILE;
  int u = blockIdx.x * TURN_TILE, v = blockIdx.y * TURN_TILE;
  for (int row = first; row < TURN_TILE; row += TURN_ROWS) {
    if (u + column < width && v + row < height) tile[row][column] = image[(size_t)(v + row) * width + u + column];
  }
  __syncthreads();
  for (int row = first; row < TURN_TILE; row += TURN_ROWS) {
    if (v + column < height && u + row < width) turned[(size_t)(u + row) * height + v + column] = tile[column][row];
  }
}

// Cost (4), best gain and offset, over the image's own variance: 0 explains everything, 1 nothing.
__device__ static double relative_cost(double model, double model2, double model_image, const Round &round) {
  double pixels = (double)round.columns * round.rows;
  double model_variance = model2 - model * model / pixels;
  double image_variance = round.image_sum2 - round.image_sum * round.image_sum / pixels;
  double covariance = model_image - model * round.image_sum / pixels;
  if (!(model_variance > 0.0 && image_variance > 0.0 && covariance > 0.0)) return 1.0;
  return 1.0 - covariance * covariance / (model_variance * image_variance);
}

// A draw on its way along a row in groups of eight pixels: those at +-(j - 1/2) steps from a base (a, b) = 4 (sin, cos) have
//   P+- = (4 duty + a c_j) +- b s_j,  c_j, s_j = cos, sin((j - 1/2) step)
// and (a, b) turns on by eight steps.
struct Walk {
  float a, b, c[4], s[4], turn_cos, turn_sin;
  // Of I, I^2 and I y.
  float sum, sum2, sum_y;
};

// At eight steps before the first base: (x, y) is the first pixel of the first group.
__device__ __forceinline__ void begin(const Quadratic &p, double x, double y, double spacing, Walk &walk) {
  double step = spacing * (p.xy * y * 1e-3 + p.x);
  sin_cos(wrapped(phase_at(p, x, y) - 4.5 * step), walk.a, walk.b);
  walk.a *= 4.0f;
  walk.b *= 4.0f;
  float half_sin, half_cos;
  sin_cos(wrapped(0.5 * step), half_sin, half_cos);
  float one_sin = 2.0f * half_sin * half_cos, one_cos = 1.0f - 2.0f * half_sin * half_sin;
  walk.c[0] = half_cos;
  walk.s[0] = half_sin;
#pragma unroll
  for (int j = 1; j < 4; j++) {
    walk.c[j] = walk.c[j - 1] * one_cos - walk.s[j - 1] * one_sin;
    walk.s[j] = walk.s[j - 1] * one_cos + walk.c[j - 1] * one_sin;
  }
  float two_sin = 2.0f * one_sin * one_cos, two_cos = 1.0f - 2.0f * one_sin * one_sin;
  float four_sin = 2.0f * two_sin * two_cos, four_cos = 1.0f - 2.0f * two_sin * two_sin;
  walk.turn_sin = 2.0f * four_sin * four_cos;
  walk.turn_cos = 1.0f - 2.0f * four_sin * four_sin;
}

// Turns to the next group and adds it, with its Q, 2 + Q^2 and y.
__device__ __forceinline__ void add(Walk &w, const float q[8], const float c[8], const float y[8], float level) {
  float turned = w.a * w.turn_cos + w.b * w.turn_sin;
  w.b = w.b * w.turn_cos - w.a * w.turn_sin;
  w.a = turned;
#pragma unroll
  for (int j = 0; j < 4; j++) {
    float middle = w.a * w.c[j] + level;
#pragma unroll
    for (int side = 0; side < 2; side++) {
      int k = side ? 4 + j : 3 - j;
      float p = side ? w.b * w.s[j] + middle : middle - w.b * w.s[j];
      float model = p * rsqrtf(p * p + c[k]) * q[k];
      w.sum += model;
      w.sum2 += model * model;
      w.sum_y += model * y[k];
    }
  }
}

__device__ __forceinline__ void load(float to[8], const float *from) {
  *(float4 *)&to[0] = *(const float4 *)&from[0];
  *(float4 *)&to[4] = *(const float4 *)&from[4];
}

// One round: all draws on all pixels. The block that ends last moves the mean to the best draw.
//
// Pixels are looked at in groups of eight along a row, blocks share them evenly, and so do a block's warps: the chip is full
// until all end together. Each lane of a warp holds two draws, so that a pixel is read once for 64.
extern "C" __global__ void __launch_bounds__(32 * SEARCH_WARPS, SEARCH_BLOCKS)
search_round(const Round round, const Quadratic *__restrict__ steps, const float *__restrict__ image, int pitch, Search *search) {
  // Q, 2 + Q^2 and y of each pixel. Beyond a row's end Q = y = 0, so that nothing is added.
  __shared__ __align__(16) float tile_q[8 * TILE_GROUPS];
  __shared__ __align__(16) float tile_c[8 * TILE_GROUPS];
  __shared__ __align__(16) float tile_y[8 * TILE_GROUPS];
  __shared__ Quadratic draws[DRAWS];
  __shared__ float lane_sums[SEARCH_WARPS][3 * DRAWS];
  __shared__ double sums[3 * DRAWS];
  __shared__ double costs[DRAWS];
  __shared__ int best[DRAWS];
  __shared__ int is_last_block;
  unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int searched = round.searches_h ? 0 : 1;
  for (unsigned n = threadIdx.x; n < DRAWS; n += blockDim.x) {
    draws[n] = moved(search->mean[searched], steps[(size_t)round.number * DRAWS + n]);
  }
  for (unsigned n = threadIdx.x; n < 3 * DRAWS; n += blockDim.x) sums[n] = 0.0;
  const Quadratic standing = search->mean[1 - searched];
  int per_row = (round.columns + 7) / 8;
  long long groups = (long long)per_row * round.rows;
  int first = (int)(groups * blockIdx.x / gridDim.x), end = (int)(groups * (blockIdx.x + 1) / gridDim.x);
  int tiles = (end - first + TILE_GROUPS - 1) / TILE_GROUPS;
  const float level = 4.0f * round.duty;
  for (int tile = 0; tile < tiles; tile++) {
    int begin_group = first + (int)((long long)(end - first) * tile / tiles);
    int count = first + (int)((long long)(end - first) * (tile + 1) / tiles) - begin_group;
    // Four pixels at a time.
    for (int n = threadIdx.x; n < 2 * count; n += 32 * SEARCH_WARPS) {
      int group = begin_group + n / 2, row = group / per_row, column = 8 * (group - row * per_row) + 4 * (n % 2);
      // The standing grating in its own (x, y) = our (y, x).
      double y = round.start[0] + round.spacing * column, x = round.start[1] + round.spacing * row;
      float phase = wrapped(phase_at(standing, x, y)), curve = (float)(round.spacing * round.spacing * standing.yy * 1e-3);
      float slope = (float)(round.spacing * (standing.xy * x * 1e-3 + 2.0 * standing.yy * y * 1e-3 + standing.seed + standing.y));
      const float *pixel = image + (size_t)x * pitch + (size_t)y;
      int spacing = (int)round.spacing;
      float q[4], c[4], brightness[4];
#pragma unroll
      for (int k = 0; k < 4; k++) {
        float sin, cos;
        sin_cos(phase + k * (slope + k * curve), sin, cos);
        bool inside = column + k < round.columns;
        q[k] = inside ? 4.0f * (sin + round.duty) : 0.0f;
        c[k] = 2.0f + q[k] * q[k];
        brightness[k] = inside ? pixel[k * spacing] : 0.0f;
      }
      *(float4 *)&tile_q[4 * n] = *(const float4 *)q;
      *(float4 *)&tile_c[4 * n] = *(const float4 *)c;
      *(float4 *)&tile_y[4 * n] = *(const float4 *)brightness;
    }
    __syncthreads();

    Walk walk[2];
#pragma unroll
    for (int d = 0; d < 2; d++) walk[d].sum = walk[d].sum2 = walk[d].sum_y = 0.0f;
    int group = count * warp / SEARCH_WARPS, last = count * (warp + 1) / SEARCH_WARPS;
    int row = (begin_group + group) / per_row, along = begin_group + group - row * per_row;
    while (group < last) {
      double x0 = round.start[0] + round.spacing * (8 * along), y0 = round.start[1] + round.spacing * row;
#pragma unroll
      for (int d = 0; d < 2; d++) begin(draws[lane + 32 * d], x0, y0, round.spacing, walk[d]);
      int stop = min(last, group + per_row - along);
      // Two at a time: more to choose from while square roots are under way.
#pragma unroll 2
      for (; group < stop; group++) {
        float q[8], c[8], y[8];
        load(q, &tile_q[8 * group]);
        load(c, &tile_c[8 * group]);
        load(y, &tile_y[8 * group]);
#pragma unroll
        for (int d = 0; d < 2; d++) add(walk[d], q, c, y, level);
      }
      row++;
      along = 0;
    }
#pragma unroll
    for (int d = 0; d < 2; d++) {
      lane_sums[warp][lane + 32 * d] = walk[d].sum;
      lane_sums[warp][DRAWS + lane + 32 * d] = walk[d].sum2;
      lane_sums[warp][2 * DRAWS + lane + 32 * d] = walk[d].sum_y;
    }
    __syncthreads();
    for (unsigned n = threadIdx.x; n < 3 * DRAWS; n += blockDim.x) {
      for (int w = 0; w < SEARCH_WARPS; w++) sums[n] += lane_sums[w][n];
    }
  }
  for (unsigned n = threadIdx.x; n < 3 * DRAWS; n += blockDim.x) {
    // Two's complement: negative sums wrap as they should.
    unsigned long long units = (unsigned long long)__double2ll_rn(sums[n] * (double)(1ull << SUM_BITS));
    atomicAdd(&search->sums[blockIdx.x % SUM_COPIES][n], units);
  }
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) is_last_block = atomicAdd(&search->blocks_done, 1u) == gridDim.x - 1;
  __syncthreads();
  if (!is_last_block) return;

  __threadfence();
  for (unsigned n = threadIdx.x; n < 3 * DRAWS; n += blockDim.x) {
    unsigned long long units = 0;
#pragma unroll
    for (int copy = 0; copy < SUM_COPIES; copy++) {
      units += search->sums[copy][n];
      search->sums[copy][n] = 0;
    }
    sums[n] = (double)(long long)units / (double)(1ull << SUM_BITS);
  }
  __syncthreads();
  for (unsigned n = threadIdx.x; n < DRAWS; n += blockDim.x) {
    costs[n] = relative_cost(sums[n], sums[DRAWS + n], sums[2 * DRAWS + n], round);
    best[n] = n;
  }
  for (unsigned half = DRAWS / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) {
      int here = best[threadIdx.x], there = best[threadIdx.x + half];
      // The first of equals.
      if (costs[there] < costs[here] || (costs[there] == costs[here] && there < here)) best[threadIdx.x] = there;
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    search->mean[searched] = draws[best[0]];
    search->cost = costs[best[0]];
    search->blocks_done = 0;
  }
}

// --- (b) normal equations --------------------------------------------------------------------------------------------

// T_0(x) ... T_n(x)
template <typename Value>
__device__ __forceinline__ void chebyshev(double x, int n, Value &&value) {
  double before = 1.0, now = x;
  value(0, 1.0);
  for (int k = 1; k <= n; k++) {
    value(k, now);
    double next = 2.0 * x * now - before;
    before = now;
    now = next;
  }
}

// Where c_ij of a polynomial stands, ordered by total degree. src/grating/chebyshev.rs
__device__ __forceinline__ int term(int i, int j) {
  return (i + j) * (i + j + 1) / 2 + j;
}

// Coefficients of T_0(x) ... of phase_h, phase_v, gain and offset along the image row v, by all threads of a block.
__device__ static void along_row(const Pass &pass, const double *__restrict__ coefficients, int v, float along[4][MAX_PHASE_DEGREE + 1]) {
  for (unsigned n = threadIdx.x; n < 4 * (MAX_PHASE_DEGREE + 1); n += blockDim.x) {
    int function = n / (MAX_PHASE_DEGREE + 1), i = n % (MAX_PHASE_DEGREE + 1);
    int phase_terms = term(0, pass.phase_degree) + 1, light_terms = term(0, pass.light_degree) + 1;
    int degree = function < 2 ? pass.phase_degree : pass.light_degree;
    int start = function < 2 ? function * phase_terms : 2 * phase_terms + (function - 2) * light_terms;
    if (i > degree) continue;
    double sum = 0.0;
    chebyshev((v - pass.centre[1]) / pass.half[1], degree - i, [&](int j, double t) { sum += coefficients[start + term(i, j)] * t; });
    along[function][i] = (float)sum;
  }
}

// The four functions at x.
__device__ __forceinline__ void evaluate(const Pass &pass, const float along[4][MAX_PHASE_DEGREE + 1], double x, float value[4]) {
  for (int f = 0; f < 4; f++) value[f] = 0.0f;
  chebyshev(x, pass.phase_degree, [&](int k, double t) {
    value[0] += along[0][k] * (float)t;
    value[1] += along[1][k] * (float)t;
    if (k <= pass.light_degree) {
      value[2] += along[2][k] * (float)t;
      value[3] += along[3][k] * (float)t;
    }
  });
}

// One image row a block: what the pixels give, times T_k(x), summed along the row; and T_l(y). `pairs` holds product and k.
extern "C" __global__ void __launch_bounds__(PASS_THREADS)
normal_rows(Pass pass, const float *__restrict__ image, const double *__restrict__ coefficients, const int2 *__restrict__ pairs,
            double *__restrict__ rows, double *__restrict__ along_y) {
  // One column more than threads: lanes that read different rows read different banks.
  __shared__ float products[PRODUCTS][PASS_THREADS + 1];
  __shared__ float orders[MAX_ORDERS][PASS_THREADS + 1];
  __shared__ float along[4][MAX_PHASE_DEGREE + 1];
  int row = blockIdx.x, v = pass.first[1] + row * pass.stride;
  along_row(pass, coefficients, v, along);
  if (threadIdx.x == 0) {
    chebyshev((v - pass.centre[1]) / pass.half[1], pass.orders - 1, [&](int l, double t) { along_y[row * MAX_ORDERS + l] = t; });
  }
  double sums[2] = {0.0, 0.0};
  for (int start = 0; start < pass.count[0]; start += PASS_THREADS) {
    __syncthreads();
    int column = start + threadIdx.x;
    bool inside = column < pass.count[0];
    int u = pass.first[0] + column * pass.stride;
    double x = (u - pass.centre[0]) / pass.half[0];
    chebyshev(x, pass.orders - 1, [&](int k, double t) { orders[k][threadIdx.x] = (float)t; });
    float field[5] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f}, weight = 0.0f, residual = 0.0f, signal = 0.0f, lost = 0.0f;
    if (inside) {
      float value[4], sin_h, cos_h, sin_v, cos_v, line_h, slope_h, line_v, slope_v, model, by_h, by_v;
      evaluate(pass, along, x, value);
      sin_cos(value[0], sin_h, cos_h);
      sin_cos(value[1], sin_v, cos_v);
      narrowed(pass.narrowing, sin_h, cos_h, line_h, slope_h);
      narrowed(pass.narrowing, sin_v, cos_v, line_v, slope_v);
      brightness_and_slopes(line_h, line_v, pass.duty, model, by_h, by_v);
      float gain = value[2], pixel = image[(size_t)v * pass.width + u];
      signal = gain * model;
      // Saturated pixels say nothing.
      bool saturated = pixel >= 0.999f;
      residual = saturated ? 0.0f : pixel - (signal + value[3]);
      float ratio = residual * residual * pass.per_scale2;
      // Cauchy's weight.
      weight = saturated ? 0.0f : 1.0f / (1.0f + ratio);
      lost = log1pf(ratio);
      field[0] = gain * by_h * slope_h;
      field[1] = gain * by_v * slope_v;
      field[2] = model;
      field[3] = 1.0f;
      field[4] = gain * (by_h + by_v);
    }
    int n = 0;
#pragma unroll
    for (int i = 0; i < 5; i++) {
      float weighted = weight * field[i];
#pragma unroll
      for (int j = i; j < 5; j++) products[n++][threadIdx.x] = weighted * field[j];
      products[SQUARES + i][threadIdx.x] = weighted * residual;
    }
    products[SQUARES + 5][threadIdx.x] = weight * residual * residual;
    products[SQUARES + 6][threadIdx.x] = weight * signal;
    products[SQUARES + 7][threadIdx.x] = weight * signal * signal;
    products[SQUARES + 8][threadIdx.x] = lost;
    __syncthreads();
    int filled = min(PASS_THREADS, pass.count[0] - start);
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int pair = threadIdx.x + half * PASS_THREADS;
      if (pair >= pass.pairs) break;
      const float *product = products[pairs[pair].x], *order = orders[pairs[pair].y];
      float sum = 0.0f;
      for (int p = 0; p < filled; p++) sum += product[p] * order[p];
      sums[half] += sum;
    }
  }
#pragma unroll
  for (int half = 0; half < 2; half++) {
    int pair = threadIdx.x + half * PASS_THREADS;
    if (pair < pass.pairs) rows[(size_t)row * pass.pairs + pair] = sums[half];
  }
}

// One pair of a product and k a block: its rows times T_l(y), summed.
extern "C" __global__ void __launch_bounds__(MOMENT_THREADS)
normal_moments(Pass pass, const double *__restrict__ rows, const double *__restrict__ along_y, double *__restrict__ moments) {
  __shared__ double parts[MOMENT_THREADS];
  int pair = blockIdx.x, l = threadIdx.x % 32, part = threadIdx.x / 32;
  double sum = 0.0;
  if (l < pass.orders) {
    for (int row = part; row < pass.count[1]; row += MOMENT_THREADS / 32) {
      sum += rows[(size_t)row * pass.pairs + pair] * along_y[row * MAX_ORDERS + l];
    }
  }
  parts[threadIdx.x] = sum;
  __syncthreads();
  if (part == 0 && l < pass.orders) {
    for (int n = 1; n < MOMENT_THREADS / 32; n++) sum += parts[32 * n + l];
    moments[(size_t)pair * MAX_ORDERS + l] = sum;
  }
}

// --- (c) local measurement -------------------------------------------------------------------------------------------

// Both phases, and the image freed of gain and offset, of all pixels.
extern "C" __global__ void __launch_bounds__(LEVEL_THREADS)
level_maps(Pass pass, const float *__restrict__ image, const double *__restrict__ coefficients, float *__restrict__ maps) {
  __shared__ float along[4][MAX_PHASE_DEGREE + 1];
  int v = blockIdx.y, u = blockIdx.x * LEVEL_THREADS + threadIdx.x;
  along_row(pass, coefficients, v, along);
  __syncthreads();
  if (u >= pass.width) return;
  float value[4];
  evaluate(pass, along, (u - pass.centre[0]) / pass.half[0], value);
  size_t at = (size_t)v * pass.width + u, pixels = (size_t)pass.width * pass.height;
  maps[at] = value[0];
  maps[pixels + at] = value[1];
  maps[2 * pixels + at] = (image[at] - value[3]) / fmaxf(value[2], 1e-6f);
}

// The sums of src/grating/pixel_sums/window.rs, one window a block.
extern "C" __global__ void __launch_bounds__(WINDOW_THREADS)
window_sums(Pass pass, const float *__restrict__ maps, const Window *__restrict__ windows, double *__restrict__ totals) {
  __shared__ float parts[WINDOW_SUMS][WINDOW_THREADS + 1];
  const Window &window = windows[blockIdx.x];
  size_t pixels = (size_t)pass.width * pass.height;
#pragma unroll
  for (int axis = 0; axis < 2; axis++) {
    int first_column = window.columns[axis][0], columns = window.columns[axis][1] - first_column;
    int first_row = window.rows[axis][0], rows = window.rows[axis][1] - first_row;
    // Along line h it is the phase of v that changes.
    float line = window.phases[axis], other = window.phases[1 - axis];
    float per_across = window.per_across[axis], per_along = window.per_along[axis];
    float sums[WINDOW_SUMS / 2];
#pragma unroll
    for (int n = 0; n < WINDOW_SUMS / 2; n++) sums[n] = 0.0f;
    for (int n = threadIdx.x; n < columns * rows; n += WINDOW_THREADS) {
      int u = first_column + n % columns, v = first_row + n / columns;
      size_t at = (size_t)v * pass.width + u;
      float x = (maps[axis * pixels + at] - line) * per_across, b = (maps[(1 - axis) * pixels + at] - other) * per_along;
      float y = maps[2 * pixels + at], x2 = x * x, b2 = b * b;
      float area = window.area * (1.0f + window.area_slope[0] * (u - window.pixel[0]) + window.area_slope[1] * (v - window.pixel[1]));
      float along = fmaxf(1.0f - b2, 0.0f), inside = fmaxf(1.0f - x2, 0.0f), weight = along * along * area;
      float w = inside * weight;
      float odd = x * (1.0f - 3.0f * x2) * inside * inside * weight;
      float even = inside * (1.0f - 14.0f * x2 + 21.0f * x2 * x2) * weight;
      float square = odd * odd, uneven = odd * (1.0f - 12.16f * b2 + 20.22f * b2 * b2);
      sums[0] += w;
      sums[1] += w * y;
      sums[2] += odd;
      sums[3] += odd * y;
      sums[4] += even;
      sums[5] += even * y;
      sums[6] += square;
      sums[7] += square * y;
      sums[8] += uneven;
      sums[9] += uneven * y;
      sums[10] += uneven * uneven;
    }
#pragma unroll
    for (int n = 0; n < WINDOW_SUMS / 2; n++) parts[WINDOW_SUMS / 2 * axis + n][threadIdx.x] = sums[n];
  }
  __syncthreads();
  if (threadIdx.x < WINDOW_SUMS) {
    double total = 0.0;
    for (int n = 0; n < WINDOW_THREADS; n++) total += parts[threadIdx.x][n];
    totals[(size_t)blockIdx.x * WINDOW_SUMS + threadIdx.x] = total;
  }
}
