//! A real GPU: driver and compiler are looked for at run time, so that one program runs with and without.

use crate::grating::backend::BackendError;
use crate::grating::backend::cuda::compiler;
use crate::grating::backend::cuda::device::{Argument, Device, Kernel, Launch, Queue};
use cudarc::driver::{
    CudaContext, CudaEvent, CudaFunction, CudaModule, CudaSlice, CudaStream, DevicePtr, DriverError, PinnedHostSlice,
    result, sys,
};
use cudarc::nvrtc::Ptx;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The oldest driver that has all that is used, as drivers count versions.
const MIN_DRIVER: i32 = 12_000;
/// Copies of at least as many bytes go through pinned memory, so that they don't hold up the host.
const STAGED_FROM: usize = 1 << 16;

/// The first GPU.
pub struct Gpu(Arc<Shared>);

struct Shared {
    context: Arc<CudaContext>,
    functions: Vec<(Kernel, CudaFunction)>,
    name: String,
    multiprocessors: usize,
    /// Streams that no image uses now.
    idle: Mutex<Vec<Lane>>,
    times: Option<Mutex<Vec<(Kernel, CudaEvent, CudaEvent)>>>,
}

/// A stream, with memory that its device reads by itself.
struct Lane {
    stream: Arc<CudaStream>,
    staging: Option<PinnedHostSlice<u8>>,
}

/// The first GPU, with the kernels compiled for it.
///
/// # Errors
/// [`BackendError`]: why it can't be used.
pub fn open() -> Result<Gpu, BackendError> {
    opened(false)
}

/// As [`open`], keeping the device time of every launch for [`Gpu::take_times`].
///
/// # Errors
/// As [`open`].
pub fn open_timed() -> Result<Gpu, BackendError> {
    opened(true)
}

fn opened(timed: bool) -> Result<Gpu, BackendError> {
    // SAFETY: asked for before anything else of the library is used, which would panic without it.
    if !unsafe { sys::is_culib_present() } {
        return Err(BackendError::NoDriver);
    }
    let early = |during: &str| {
        let during = during.to_string();
        move |error: DriverError| match error.0 {
            sys::CUresult::CUDA_ERROR_NO_DEVICE => BackendError::NoDevice,
            _ => BackendError::Failed { device: "the CUDA driver".into(), during, cause: told(error) },
        }
    };
    result::init().map_err(early("its start"))?;
    let mut found = 0;
    // SAFETY: `found` is a number.
    unsafe { sys::cuDriverGetVersion(&mut found) }.result().map_err(early("telling its version"))?;
    if found < MIN_DRIVER {
        return Err(BackendError::DriverTooOld { found, needed: MIN_DRIVER });
    }
    if CudaContext::device_count().map_err(early("counting GPUs"))? < 1 {
        return Err(BackendError::NoDevice);
    }
    let context = CudaContext::new(0).map_err(early("opening the first GPU"))?;
    // SAFETY: every buffer is used on the stream that it was allocated on only.
    unsafe { context.disable_event_tracking() };
    let name = context.name().map_err(early("naming the first GPU"))?;
    let (major, minor) = context.compute_capability().map_err(early("asking for its capability"))?;
    let count = sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
    let multiprocessors = context.attribute(count).map_err(early("counting its multiprocessors"))?.max(1) as usize;
    let module = load(&context, 10 * major + minor, found)?;
    let function = |kernel: Kernel| {
        let function = module.load_function(kernel.name()).map_err(early("finding the kernels"))?;
        Ok((kernel, function))
    };
    let functions = Kernel::ALL.into_iter().map(function).collect::<Result<_, _>>()?;
    let times = timed.then(Mutex::default);
    Ok(Gpu(Arc::new(Shared { context, functions, name, multiprocessors, idle: Mutex::default(), times })))
}

fn load(context: &Arc<CudaContext>, capability: i32, driver: i32) -> Result<Arc<CudaModule>, BackendError> {
    let load = |ptx: String| context.load_module(Ptx::from_src(ptx));
    let refused = |error: DriverError| match error.0 {
        sys::CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION => {
            BackendError::DriverTooOld { found: driver, needed: compiler::version().unwrap_or_default() }
        }
        _ => BackendError::Failed {
            device: "the CUDA driver".into(),
            during: "loading the kernels".into(),
            cause: told(error),
        },
    };
    load(compiler::compiled(capability)?).or_else(|_| {
        // What the cache had may be damaged.
        compiler::forget(capability);
        load(compiler::compile(capability)?).map_err(refused)
    })
}

/// A driver's error in its own words.
fn told(error: DriverError) -> String {
    let text = error.error_string().map_or_else(|_| String::new(), |text| format!(": {}", text.to_string_lossy()));
    format!("{:?}{text}", error.0)
}

/// A panic elsewhere leaves lists of streams and times as good as before.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn error(&self, during: &str, bytes: usize) -> impl FnOnce(DriverError) -> BackendError {
        let (device, during) = (self.name.clone(), during.to_string());
        move |error| match error.0 {
            sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => {
                BackendError::OutOfMemory { device, mib: bytes.div_ceil(1 << 20) }
            }
            _ => BackendError::Failed { device, during, cause: told(error) },
        }
    }
}

impl Gpu {
    /// Instructions of single precision that it can issue per second, times lanes.
    ///
    /// # Errors
    /// [`BackendError`].
    pub fn issue_rate(&self) -> Result<f64, BackendError> {
        let context = &self.0.context;
        let ask = |what| context.attribute(what).map_err(self.0.error("asking for its clock", 0));
        let khz = ask(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_CLOCK_RATE)?;
        // CUDA C++ Programming Guide, arithmetic throughput: 64 lanes for 7.x and 8.0, else 128.
        let lanes = match context.compute_capability().map_err(self.0.error("asking for its capability", 0))? {
            (7, _) | (8, 0) => 64.0,
            _ => 128.0,
        };
        Ok(self.0.multiprocessors as f64 * lanes * 1e3 * f64::from(khz))
    }

    /// When each launch since the last call ran. Waits for them.
    ///
    /// # Errors
    /// [`BackendError`] of the launches.
    pub fn take_times(&self) -> Result<Vec<LaunchTime>, BackendError> {
        let Some(times) = &self.0.times else { return Ok(Vec::new()) };
        let times = std::mem::take(&mut *locked(times));
        let Some((_, origin, _)) = times.first() else { return Ok(Vec::new()) };
        let ms = |event: &CudaEvent| event.synchronize().and_then(|()| origin.elapsed_ms(event));
        let span = |(kernel, start, end): &(Kernel, CudaEvent, CudaEvent)| {
            let [start_ms, end_ms] = [ms(start)?, ms(end)?];
            Ok(LaunchTime { kernel: *kernel, start_ms, end_ms })
        };
        times.iter().map(span).collect::<Result<_, _>>().map_err(self.0.error("timing", 0))
    }
}

/// When a kernel ran on the device, ms since the first launch; launches of several images overlap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LaunchTime {
    /// What ran.
    pub kernel: Kernel,
    /// When it began, ms.
    pub start_ms: f32,
    /// When it ended, ms.
    pub end_ms: f32,
}

impl Device for Gpu {
    type Queue = GpuQueue;

    fn name(&self) -> String {
        format!("cuda ({})", self.0.name)
    }

    fn blocks(&self, each: usize) -> usize {
        each * self.0.multiprocessors
    }

    fn queue(&self) -> Result<GpuQueue, BackendError> {
        let idle = locked(&self.0.idle).pop();
        let fresh = || {
            let stream = self.0.context.new_stream().map_err(self.0.error("making a stream", 0))?;
            Ok(Lane { stream, staging: None })
        };
        let Lane { stream, staging } = idle.map_or_else(fresh, Ok)?;
        Ok(GpuQueue { shared: self.0.clone(), stream, staging: Mutex::new(staging) })
    }
}

/// One stream of a [`Gpu`], given back when it is dropped.
pub struct GpuQueue {
    shared: Arc<Shared>,
    stream: Arc<CudaStream>,
    staging: Mutex<Option<PinnedHostSlice<u8>>>,
}

impl Drop for GpuQueue {
    fn drop(&mut self) {
        // A stream that fails is not used again.
        if self.stream.synchronize().is_ok() {
            let staging = locked(&self.staging).take();
            locked(&self.shared.idle).push(Lane { stream: self.stream.clone(), staging });
        }
    }
}

impl GpuQueue {
    /// Copies by way of pinned memory and does not wait.
    fn upload_staged(&self, from: &[u8], into: sys::CUdeviceptr) -> Result<(), DriverError> {
        // What was staged before must be gone.
        self.stream.synchronize()?;
        let mut staging = locked(&self.staging);
        if staging.as_ref().is_none_or(|staging| staging.len() < from.len()) {
            // SAFETY: bytes of any value are bytes.
            *staging = Some(unsafe { self.shared.context.alloc_pinned(from.len()) }?);
        }
        let Some(pinned) = staging.as_mut() else { return Ok(()) };
        let pinned = &mut pinned.as_mut_slice()?[..from.len()];
        pinned.copy_from_slice(from);
        // SAFETY: the caller's buffer is long enough; the pinned memory stays until this stream has been waited for.
        unsafe { result::memcpy_htod_async(into, pinned, self.stream.cu_stream()) }
    }
}

impl Queue for GpuQueue {
    type Buffer = CudaSlice<u8>;

    fn allocate(&self, bytes: usize) -> Result<CudaSlice<u8>, BackendError> {
        // SAFETY: bytes of any value are bytes; kernels write before anything is read.
        unsafe { self.stream.alloc(bytes.max(1)) }.map_err(self.shared.error("allocating memory", bytes))
    }

    fn upload(&self, from: &[u8], into: &mut CudaSlice<u8>) -> Result<(), BackendError> {
        let copied = if from.len() >= STAGED_FROM && from.len() <= into.len() {
            let (address, _guard) = into.device_ptr(&self.stream);
            self.upload_staged(from, address)
        } else {
            self.stream.memcpy_htod(from, into)
        };
        copied.map_err(self.shared.error("copying to the device", from.len()))
    }

    fn download(&self, from: &CudaSlice<u8>, into: &mut [u8]) -> Result<(), BackendError> {
        let start = from.slice(..into.len().min(from.len()));
        let copied = self.stream.memcpy_dtoh(&start, into).and_then(|()| self.stream.synchronize());
        copied.map_err(self.shared.error("computing, or copying from the device", into.len()))
    }

    fn launch(&self, launch: Launch, arguments: &[Argument<CudaSlice<u8>>]) -> Result<(), BackendError> {
        let name = launch.kernel.name();
        let Some((_, function)) = self.shared.functions.iter().find(|(kernel, _)| *kernel == launch.kernel) else {
            return Err(self.failed(name, "no such kernel".into()));
        };
        let failed = |error| self.shared.error(&format!("starting {name}"), 0)(error);
        // What parameters point to: addresses, or the values themselves.
        let addresses: Vec<sys::CUdeviceptr> = arguments
            .iter()
            .map(|argument| match argument {
                Argument::Buffer(buffer) => buffer.device_ptr(&self.stream).0,
                Argument::Value(_) => 0,
            })
            .collect();
        let mut parameters: Vec<*mut c_void> = arguments
            .iter()
            .zip(&addresses)
            .map(|(argument, address)| match argument {
                Argument::Buffer(_) => std::ptr::from_ref(address).cast_mut().cast(),
                Argument::Value(bytes) => bytes.as_ptr().cast_mut().cast(),
            })
            .collect();
        self.shared.context.bind_to_thread().map_err(failed)?;
        let flags = Some(sys::CUevent_flags::CU_EVENT_DEFAULT);
        let start = self.shared.times.as_ref().map(|_| self.stream.record_event(flags)).transpose().map_err(failed)?;
        let (grid, threads) = (launch.grid, launch.threads);
        // SAFETY: parameters are those of the kernel in `kernels/grating_fit.cu`, in order. Buffers live until work on
        // this stream is done: freeing them is work on it too.
        unsafe {
            result::launch_kernel(
                function.cu_function(),
                (grid[0], grid[1], 1),
                (threads, 1, 1),
                0,
                self.stream.cu_stream(),
                &mut parameters,
            )
        }
        .map_err(failed)?;
        if let (Some(times), Some(start)) = (&self.shared.times, start) {
            let end = self.stream.record_event(flags).map_err(failed)?;
            locked(times).push((launch.kernel, start, end));
        }
        Ok(())
    }

    fn failed(&self, during: &str, cause: String) -> BackendError {
        BackendError::Failed { device: self.shared.name.clone(), during: during.to_string(), cause }
    }
}
