// What host and device both know of: sizes and structures. Twin of src/grating/backend/cuda/layout.rs; a test holds them together.
#pragma once

// --- search ----------------------------------------------------------------------------------------------------------
// Draws of a round; two for each lane of a warp.
#define DRAWS 64
// Warps of a block, and blocks that a multiprocessor holds at a time.
#define SEARCH_WARPS 4
#define SEARCH_BLOCKS 4
// Groups of eight pixels that a block holds at a time, at most: all of its share of a 1280x720 image on 132 multiprocessors.
#define TILE_GROUPS 320
// A transposed tile, and how many of its rows are read at a time.
#define TURN_TILE 32
#define TURN_ROWS 8
// Sums of the model are whole multiples of 2^-SUM_BITS: they don't depend on the order of adding.
#define SUM_BITS 28
// Blocks add to one of as many copies, so that few wait for each other.
#define SUM_COPIES 8

// Phase of one set, Eq. (1), (2), in its own (x, y): x along the lines. QuadraticPhase in src/grating/published/quadratic.rs
struct Quadratic {
  double xy, yy, seed, x, y, constant;
};

// One batch of draws of one set.
struct Round {
  // Standard deviations of xy, yy, x, y, constant, all about `centre`.
  double sigma[5];
  double centre[2];
  // Pixel (x, y) of the first column and row, and their spacing, px.
  double start[2];
  double spacing;
  // Sum of y and y^2 over these pixels.
  double image_sum, image_sum2;
  unsigned long long seed;
  unsigned image_number, number;
  int columns, rows;
  int searches_h;
  float duty;
};

struct Search {
  // h, then v.
  struct Quadratic mean[2];
  double cost;
  // Sum of I, I^2 and I y for each draw, in units of 2^-SUM_BITS; the copies add up to it.
  unsigned long long sums[SUM_COPIES][3 * DRAWS];
  unsigned blocks_done;
  unsigned padding;
};

// --- normal equations ------------------------------------------------------------------------------------------------
#define MAX_PHASE_DEGREE 12
#define MAX_LIGHT_DEGREE 6
// Chebyshev polynomials T_0 ... T_24: products of two of the highest degree.
#define MAX_ORDERS 25
// Pixels that a block handles at a time, and its threads.
#define PASS_THREADS 192
// Products of two of five fields (15), of a field and the residual (5), then w r^2, w s, w s^2, ln(1 + r^2/scale^2).
#define SQUARES 15
#define PRODUCTS 24
// Pairs of a product and an order along x, at most.
#define MAX_PAIRS 276
#define MOMENT_THREADS 256

struct Pass {
  // Where x and y of the polynomials run from -1 to 1: centre and half extent along u and v, px.
  double centre[2], half[2];
  int width, height;
  // First column and row, how many of them, every n-th.
  int first[2], count[2];
  int stride;
  int phase_degree, light_degree, narrowing;
  // Pairs of a product and an order, and orders along y.
  int pairs, orders;
  float duty;
  // 1 / scale^2
  float per_scale2;
};

// --- local measurement -----------------------------------------------------------------------------------------------
#define LEVEL_THREADS 256
#define WINDOW_THREADS 128
#define WINDOW_SUMS 22

// src/grating/pixel_sums/window.rs
struct Window {
  // Of h's band and of v's, end exclusive.
  int columns[2][2], rows[2][2];
  float pixel[2];
  float area, area_slope[2];
  float phases[2];
  float per_along[2], per_across[2];
};
