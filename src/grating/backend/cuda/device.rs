//! What a device must be able to do.

use crate::grating::backend::BackendError;

/// The kernels of `kernels/grating_fit.cu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// All random steps of a search.
    SearchSteps,
    /// The image with rows and columns exchanged.
    Transpose,
    /// The costs of one round's draws, and the best of them.
    SearchRound,
    /// One row's share of the moments.
    NormalRows,
    /// The moments of all rows.
    NormalMoments,
    /// Phases and light-free levels of all pixels.
    LevelMaps,
    /// Sums over windows.
    WindowSums,
}

impl Kernel {
    /// Every kernel.
    pub const ALL: [Kernel; 7] = [
        Kernel::SearchSteps,
        Kernel::Transpose,
        Kernel::SearchRound,
        Kernel::NormalRows,
        Kernel::NormalMoments,
        Kernel::LevelMaps,
        Kernel::WindowSums,
    ];

    /// Its name in the source.
    pub fn name(self) -> &'static str {
        match self {
            Kernel::SearchSteps => "search_steps",
            Kernel::Transpose => "transpose",
            Kernel::SearchRound => "search_round",
            Kernel::NormalRows => "normal_rows",
            Kernel::NormalMoments => "normal_moments",
            Kernel::LevelMaps => "level_maps",
            Kernel::WindowSums => "window_sums",
        }
    }
}

/// A kernel on a grid of blocks of `threads` threads.
#[derive(Clone, Copy, Debug)]
pub struct Launch {
    /// What runs.
    pub kernel: Kernel,
    /// Blocks along x and y.
    pub grid: [u32; 2],
    /// Threads of a block.
    pub threads: u32,
}

/// A kernel's argument.
pub enum Argument<'a, B> {
    /// Address of memory on the device.
    Buffer(&'a B),
    /// The bytes of a number or structure.
    Value(&'a [u8]),
}

/// Where kernels run.
pub trait Device: Send + Sync {
    /// Its queues of work.
    type Queue: Queue + 'static;

    /// For people.
    fn name(&self) -> String;

    /// How many blocks run at a time where a multiprocessor holds `each`.
    fn blocks(&self, each: usize) -> usize;

    /// A queue of its own for one image: those of several images overlap.
    ///
    /// # Errors
    /// [`BackendError`].
    fn queue(&self) -> Result<Self::Queue, BackendError>;
}

/// Work in order.
pub trait Queue: Send {
    /// Memory on the device.
    type Buffer: Send;

    /// `bytes` of memory, contents undefined.
    ///
    /// # Errors
    /// [`BackendError::OutOfMemory`] among others.
    fn allocate(&self, bytes: usize) -> Result<Self::Buffer, BackendError>;

    /// Copies to the start of `into`, which is at least as long.
    ///
    /// # Errors
    /// [`BackendError`].
    fn upload(&self, from: &[u8], into: &mut Self::Buffer) -> Result<(), BackendError>;

    /// Waits for all work, then copies the start of `from`.
    ///
    /// # Errors
    /// [`BackendError`], also of the work before.
    fn download(&self, from: &Self::Buffer, into: &mut [u8]) -> Result<(), BackendError>;

    /// Starts a kernel.
    ///
    /// # Errors
    /// [`BackendError`].
    fn launch(&self, launch: Launch, arguments: &[Argument<Self::Buffer>]) -> Result<(), BackendError>;

    /// The error that names this device.
    fn failed(&self, during: &str, cause: String) -> BackendError;
}
