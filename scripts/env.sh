# shellcheck shell=bash
# Source this: the environment to build and run in. Uses the sourced ROS 2 if there is one, else the private one.
_root=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)

if [ -z "${ROS_DISTRO:-}" ]; then
  _prefix=$_root/.ros/jazzy
  _site=$(echo "$_prefix"/lib/python3*/site-packages)
  export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3 RMW_IMPLEMENTATION=rmw_fastrtps_cpp
  export ROS_AUTOMATIC_DISCOVERY_RANGE=${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}
  export AMENT_PREFIX_PATH=$_prefix CMAKE_PREFIX_PATH=$_prefix VIRTUAL_ENV=$_prefix
  export PATH=$_prefix/bin:$PATH
  _libs=$_prefix/lib
  for _folder in "$_site"/ros_*.libs; do _libs=$_libs:$_folder; done
  export LD_LIBRARY_PATH=$_libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export LIBRARY_PATH=$_libs${LIBRARY_PATH:+:$LIBRARY_PATH}
fi

# Debian's small OpenCV packages come without a pkg-config file.
if ! pkg-config --exists opencv4 2>/dev/null; then
  _multiarch=/usr/lib/$(gcc -print-multiarch)
  export OPENCV_DISABLE_PROBES=pkg_config,cmake,vcpkg_cmake,vcpkg OPENCV_LINK_PATHS=$_multiarch
  export OPENCV_INCLUDE_PATHS=/usr/include/opencv4,${_multiarch/lib/include}/opencv4
  export OPENCV_LINK_LIBS=opencv_imgproc,opencv_core
fi

# shellcheck disable=SC1091
if [ -f "$_root/install/local_setup.bash" ]; then . "$_root/install/local_setup.bash"; fi
unset _root _prefix _site _libs _folder _multiarch
