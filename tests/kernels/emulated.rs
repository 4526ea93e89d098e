//! A device that runs the kernels on the CPU: see `cpu.h`.

use grating_calibration::grating::backend::BackendError;
use grating_calibration::grating::backend::cuda::device::{Argument, Device, Launch, Queue};
use grating_calibration::grating::backend::cuda::layout::{self, Pass, Round, Search};
use grating_calibration::grating::pixel_sums::window::{Window, WindowSums};
use grating_calibration::grating::published::quadratic::QuadraticPhase;
use libloading::{Library, Symbol};
use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::mem::offset_of;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

/// The kernels, compiled once; one launch at a time, since threads are static variables there.
fn library() -> &'static Mutex<Library> {
    static LIBRARY: OnceLock<Mutex<Library>> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kernels.so");
        // A test program that is carried to a GPU is told where its sources are there.
        let root = std::env::var_os("GRATING_ROOT").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let source = Path::new(&root).join("tests/kernels/cpu.cpp");
        let output = std::process::Command::new("g++")
            .args(["-std=c++20", "-O2", "-U_FORTIFY_SOURCE", "-Wno-unknown-pragmas", "-shared", "-fPIC", "-o"])
            .args([&file, &source])
            .output()
            .expect("g++ is needed to run the kernels on the CPU (apt-get install g++)");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // SAFETY: it is what was just built, and has no initialisers.
        Mutex::new(unsafe { Library::new(&file) }.unwrap())
    })
}

pub fn assert_layouts() {
    let mut found = [0_u64; 30];
    let library = library().lock().unwrap();
    // SAFETY: the function writes as many numbers.
    unsafe {
        let sizes: Symbol<unsafe extern "C" fn(*mut u64)> = library.get(b"sizes").unwrap();
        sizes(found.as_mut_ptr());
    }
    let expected = [
        size_of::<QuadraticPhase>(),
        size_of::<Round>(),
        size_of::<Search>(),
        size_of::<Pass>(),
        size_of::<Window>(),
        layout::DRAWS,
        layout::SEARCH_WARPS,
        layout::SEARCH_BLOCKS,
        layout::SUM_COPIES,
        layout::TURN_TILE,
        layout::TURN_ROWS,
        layout::MAX_PHASE_DEGREE,
        layout::MAX_LIGHT_DEGREE,
        layout::MAX_ORDERS,
        layout::PASS_THREADS,
        layout::SQUARES,
        layout::PRODUCTS,
        layout::MAX_PAIRS,
        layout::MOMENT_THREADS,
        layout::LEVEL_THREADS,
        layout::WINDOW_THREADS,
        size_of::<WindowSums>() / size_of::<f64>(),
        offset_of!(Round, start),
        offset_of!(Round, seed),
        offset_of!(Round, duty),
        offset_of!(Search, sums),
        offset_of!(Pass, stride),
        offset_of!(Pass, per_scale2),
        offset_of!(Window, area),
        offset_of!(Window, per_across),
    ];
    assert_eq!(found, expected.map(|size| size as u64));
}

/// How a device fails.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    OutOfMemory,
    Lost,
}

/// Breaks a device from outside.
#[derive(Clone, Default)]
pub struct Switch(Arc<Mutex<Option<(usize, Fault)>>>);

impl Switch {
    /// The device works for `launches` more launches.
    pub fn break_after(&self, launches: usize, fault: Fault) {
        *self.0.lock().unwrap() = Some((launches, fault));
    }

    pub fn mend(&self) {
        *self.0.lock().unwrap() = None;
    }

    fn check(&self, counts: bool) -> Result<(), BackendError> {
        let device = "emulated".to_string();
        match &mut *self.0.lock().unwrap() {
            Some((0, Fault::OutOfMemory)) => Err(BackendError::OutOfMemory { device, mib: 7 }),
            Some((0, Fault::Lost)) => {
                Err(BackendError::Failed { device, during: "a test".into(), cause: "unplugged".into() })
            }
            Some((left, _)) => {
                *left -= usize::from(counts);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

pub struct Emulated(Switch);

impl Emulated {
    pub fn sound() -> Self {
        Emulated(Switch::default())
    }

    pub fn switch(&self) -> Switch {
        self.0.clone()
    }
}

impl Device for Emulated {
    type Queue = Host;

    fn name(&self) -> String {
        "emulated".into()
    }

    /// An odd number, so that shares differ.
    fn blocks(&self, each: usize) -> usize {
        each * 3 - 2
    }

    fn queue(&self) -> Result<Host, BackendError> {
        self.0.check(false)?;
        Ok(Host(self.0.clone()))
    }
}

pub struct Host(Switch);

/// Eight bytes each, aligned as any number; kernels write through its address.
pub struct Memory(Vec<u64>);

impl Queue for Host {
    type Buffer = Memory;

    /// Poisoned: every number in it is NaN or −1.
    fn allocate(&self, bytes: usize) -> Result<Memory, BackendError> {
        self.0.check(false)?;
        Ok(Memory(vec![u64::MAX; bytes.div_ceil(8)]))
    }

    fn upload(&self, from: &[u8], into: &mut Memory) -> Result<(), BackendError> {
        bytemuck::cast_slice_mut::<u64, u8>(&mut into.0)[..from.len()].copy_from_slice(from);
        Ok(())
    }

    fn download(&self, from: &Memory, into: &mut [u8]) -> Result<(), BackendError> {
        self.0.check(false)?;
        into.copy_from_slice(&bytemuck::cast_slice(&from.0)[..into.len()]);
        Ok(())
    }

    fn launch(&self, launch: Launch, arguments: &[Argument<Memory>]) -> Result<(), BackendError> {
        self.0.check(true)?;
        let name = CString::new(launch.kernel.name()).unwrap();
        let addresses: Vec<*const u64> = arguments
            .iter()
            .map(|argument| match argument {
                Argument::Buffer(memory) => memory.0.as_ptr(),
                Argument::Value(_) => std::ptr::null(),
            })
            .collect();
        // Values keep the alignment of their types.
        let mut parameters: Vec<*mut c_void> = arguments
            .iter()
            .zip(&addresses)
            .map(|(argument, address)| match argument {
                Argument::Buffer(_) => std::ptr::from_ref(address).cast_mut().cast(),
                Argument::Value(bytes) => bytes.as_ptr().cast_mut().cast(),
            })
            .collect();
        let library = library().lock().unwrap();
        // SAFETY: the signature is that of `launch` in cpu.cpp; buffers outlive the call.
        let result = unsafe {
            type Call = unsafe extern "C" fn(*const c_char, c_uint, c_uint, c_uint, *mut *mut c_void) -> c_int;
            let call: Symbol<Call> = library.get(b"launch").unwrap();
            call(name.as_ptr(), launch.grid[0], launch.grid[1], launch.threads, parameters.as_mut_ptr())
        };
        assert_eq!(result, 0, "no kernel {name:?}");
        Ok(())
    }

    fn failed(&self, during: &str, cause: String) -> BackendError {
        BackendError::Failed { device: "emulated".into(), during: during.into(), cause }
    }
}
