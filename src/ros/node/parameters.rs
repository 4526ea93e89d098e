//! The parameters of `calibration_node`; config/calibration_node.yaml holds them with their defaults.

use crate::ros::support::params::Spec;
use r2r::ParameterValue;

/// Every parameter of the node.
pub fn specs() -> Vec<Spec> {
    const ANY_PX: [f64; 2] = [-0.5, 65_535.5];
    const ANYWHERE: [f64; 2] = [-100.0, 100.0];
    let mut specs = vec![
        Spec::any("use_sim_time", ParameterValue::Bool(false), "Take the time from /clock. Read at start.").at_start(),
        Spec::number(
            "pitch",
            0.0011,
            [0.0, 0.1],
            "Distance between neighbouring printed lines [m], 1e-5 … 0.1; less: what the origin mark tells.",
        ),
        Spec::numbers(
            "origin_left",
            &[],
            ANY_PX,
            &[0, 2],
            "Pixel [u, v] of the grid's origin in the first left image [px]; empty: the goal's, else the origin mark's.",
        ),
        Spec::numbers(
            "origin_right",
            &[],
            ANY_PX,
            &[0, 2],
            "Pixel [u, v] of the grid's origin in the first right image [px]; empty: the goal's, else the origin mark's.",
        ),
        Spec::text(
            "calibration_file",
            "",
            &[],
            "Calibration that is loaded at start, if it exists, and written by the action; empty: none.",
        ),
        Spec::text(
            "record_dir",
            "",
            &[],
            "Folder that the image pairs and poses of a calibration are written to; empty: none.",
        ),
        Spec::text("base_frame", "base_link", &[], "Frame that robot poses are given in. Read at start.").at_start(),
        Spec::text(
            "tool_frame",
            "tool0",
            &[],
            "Frame fixed to the cameras that answers are given in by default. Read at start.",
        )
        .at_start(),
        Spec::numbers(
            "tool_offset",
            &[0.0, 0.0, 0.0],
            ANYWHERE,
            &[3],
            "Where the grid's origin was in the tool frame at h = 0 [m]; added to every answer.",
        ),
        Spec::text(
            "calibration_frame",
            "calibration",
            &[],
            "Name of the calibration's own frame on TF: the tool frame moved by tool_offset.",
        ),
        Spec::text(
            "calibration_tf",
            "auto",
            &["auto", "tool", "base", "none"],
            "Parent of the calibration frame on TF. tool: tool_frame; base: base_frame, by the robot's poses; auto: tool \
             with pose_source tf, else base; none: it is not published. Read at start.",
        ),
        Spec::any(
            "camera_info",
            ParameterValue::Bool(true),
            "Whether left/camera_info and right/camera_info are published, once calibrated; false where the cameras' own \
             driver does. Read at start.",
        ),
        Spec::number(
            "error_scale",
            1e-5,
            [1e-9, 1.0],
            "Error that markers and dataset show in red; half of it is yellow, none green [m], 1e-9 … 1.",
        ),
        Spec::text(
            "pose_source",
            "topic",
            &["topic", "tf", "joints"],
            "topic: robot/pose; tf: base_frame to tool_frame on /tf; joints: joint_states. Read at start.",
        )
        .at_start(),
        Spec::text(
            "motion",
            "pose",
            &["pose", "joints"],
            "pose: robot/target_pose; joints: robot/joint_trajectory, as joints.* say. Read at start.",
        )
        .at_start(),
        Spec::text(
            "file_dir",
            "",
            &[],
            "Folder that files named by services and goals lie in; empty: that of calibration_file, else the working \
             directory. Read at start.",
        )
        .at_start(),
        Spec::number(
            "sync_tolerance",
            0.005,
            [0.0, 1.0],
            "Largest difference of the stamps of an image pair [s], 0 … 1.",
        ),
        Spec::number(
            "control_period",
            0.02,
            [0.001, 1.0],
            "How often a running calibration looks at the pose and at a cancel [s], 0.001 … 1.",
        ),
        Spec::number(
            "settle.window",
            0.15,
            [0.01, 10.0],
            "The tool is at rest when all poses within this time agree [s], 0.01 … 10.",
        ),
        Spec::number(
            "settle.tolerance",
            6e-6,
            [1e-7, 0.01],
            "They agree when within this of their mean along each axis [m], 1e-7 … 0.01.",
        ),
        Spec::number(
            "settle.reach",
            3e-5,
            [1e-7, 0.1],
            "And their mean must be this near to the target along each axis [m], 1e-7 … 0.1.",
        ),
        Spec::number(
            "settle.timeout",
            10.0,
            [0.1, 600.0],
            "The calibration stops when the tool is not at rest by then [s], 0.1 … 600.",
        ),
        Spec::number(
            "settle.image_tolerance",
            0.15,
            [0.001, 100.0],
            "And the picture must move less than this from one image to the next [px], 0.001 … 100.",
        ),
        Spec::number(
            "image_timeout",
            10.0,
            [0.05, 600.0],
            "The calibration stops when no image pair has come by then [s], 0.05 … 600.",
        ),
        Spec::number(
            "pose_timeout",
            0.5,
            [0.01, 60.0],
            "The calibration stops when no pose has come for so long [s], 0.01 … 60.",
        ),
        Spec::numbers(
            "limits.box_min",
            &[-0.05, -0.05, -0.001],
            ANYWHERE,
            &[3],
            "Lowest x, y, z in the base frame that the robot is sent to [m].",
        ),
        Spec::numbers(
            "limits.box_max",
            &[0.05, 0.05, 0.05],
            ANYWHERE,
            &[3],
            "Highest x, y, z in the base frame that the robot is sent to [m].",
        ),
        Spec::number(
            "limits.max_speed",
            0.01,
            [1e-6, 1.0],
            "Greatest speed that is commanded; moves are sent as small set points [m/s], 1e-6 … 1.",
        ),
        Spec::number(
            "limits.max_rotation",
            0.005,
            [1e-6, 3.2],
            "A calibration stops when the tool has turned by more than this [rad], 1e-6 … 3.2.",
        ),
        Spec::number("limits.max_step", 0.003, [1e-6, 1.0], "Longest move that is commanded at once [m], 1e-6 … 1."),
        Spec::number(
            "limits.max_deviation",
            0.001,
            [1e-6, 1.0],
            "The calibration stops when the tool is farther off its way than this [m], 1e-6 … 1.",
        ),
        Spec::number(
            "overlay.rate",
            2.0,
            [0.1, 30.0],
            "Overlay pictures a second, drawn while somebody looks [Hz], 0.1 … 30.",
        ),
        Spec::number(
            "click.height",
            0.0,
            ANYWHERE,
            "Height above the calibrated sheet at which a click in one camera lies [m]; the sheet itself: 0.",
        ),
        Spec::number(
            "click.pair_time",
            10.0,
            [0.0, 3600.0],
            "A click joins one in the other camera that is no older than this [s], 0 … 3600; 0: never.",
        ),
        Spec::number(
            "click.sigma",
            0.5,
            [0.0, 100.0],
            "Standard deviation of a clicked pixel along u and v, for the covariance [px], 0 … 100.",
        ),
        Spec::text(
            "click.file",
            "clicked_points.csv",
            &[],
            "File in file_dir that every click is appended to, with its point and covariance; empty: none.",
        ),
        Spec::text(
            "click.move",
            "off",
            &["off", "stereo", "any"],
            "Which clicks also send the tool there when move_to.armed. off: none; stereo: the second of a pair; any: all.",
        ),
        Spec::numbers(
            "click.approach",
            &[0.0, 0.0, 0.01],
            ANYWHERE,
            &[3],
            "Where the tool's origin goes by such a click, from the clicked point, in the base frame [m].",
        ),
        Spec::any("web.enabled", ParameterValue::Bool(false), "Whether the live page is served. Read at start."),
        Spec::text(
            "web.address",
            "127.0.0.1",
            &[],
            "IP address that the live page is served on; 0.0.0.0: to the whole network, without a password. Read at start.",
        ),
        Spec::whole("web.port", 8090, [0.0, 65_535.0], "TCP port of the live page, 0 … 65535; 0: any. Read at start."),
        Spec::text(
            "web.hosts",
            "",
            &[],
            "Further names of this machine that browsers may use for the live page, separated by commas.",
        ),
        Spec::any(
            "move_to.armed",
            ParameterValue::Bool(false),
            "Whether ~/move_to, clicks and the live page may move the robot.",
        ),
        Spec::number(
            "check.max_shift",
            0.5,
            [0.001, 1000.0],
            "~/check calls a calibration drifted when the pictures are shifted by more [px], 0.001 … 1000.",
        ),
        Spec::number(
            "check.max_scale",
            0.002,
            [1e-5, 1.0],
            "~/check calls a calibration drifted when its scale is off by more, as a fraction, 1e-5 … 1.",
        ),
        Spec::number(
            "check.max_residual",
            3.0,
            [0.01, 1000.0],
            "~/check calls a target the wrong one when it fits no better than this [px], 0.01 … 1000.",
        ),
        Spec::number(
            "usable_rms",
            5e-5,
            [1e-8, 1.0],
            "A calibration with a larger RMS error along any axis is not called usable [m], 1e-8 … 1.",
        ),
        Spec::text(
            "backend",
            "auto",
            &["auto", "cpu", "cuda"],
            "Who works on the images: cpu, cuda (an NVIDIA GPU), or auto: a GPU if there is one, else, or when it fails, the CPU.",
        ),
        Spec::whole("phase_degree", 7, [2.0, 12.0], "Degree of the phase polynomials of method auto, 2 … 12."),
        Spec::whole(
            "original.draws",
            18_000,
            [240.0, 1e7],
            "Draws an image of method original, 240 … 1e7; 18000 as published.",
        ),
        Spec::whole(
            "original.stride",
            1,
            [1.0, 32.0],
            "Method original looks at every n-th pixel along u and v, 1 … 32; 1 as published.",
        ),
    ];
    specs.extend(crate::ros::robot::joints::specs());
    specs
}
