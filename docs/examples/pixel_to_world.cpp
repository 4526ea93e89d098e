// Where is the point behind this pixel pair? Asks calibration_node once.
//
//   pixel_to_world U_LEFT V_LEFT U_RIGHT V_RIGHT [FRAME]
//
// CMakeLists.txt: find_package(rclcpp REQUIRED)
//                 find_package(grating_calibration REQUIRED)
//                 add_executable(pixel_to_world pixel_to_world.cpp)
//                 ament_target_dependencies(pixel_to_world rclcpp grating_calibration)
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <grating_calibration/msg/point_estimate.hpp>
#include <grating_calibration/srv/pixel_to_world.hpp>
#include <rclcpp/rclcpp.hpp>

using grating_calibration::msg::PointEstimate;
using grating_calibration::srv::PixelToWorld;
using namespace std::chrono_literals;

int main(int argc, char ** argv)
{
  const auto arguments = rclcpp::init_and_remove_ros_arguments(argc, argv);
  if (arguments.size() != 5 && arguments.size() != 6) {
    std::fprintf(stderr, "pixel_to_world U_LEFT V_LEFT U_RIGHT V_RIGHT [FRAME]\n");
    return EXIT_FAILURE;
  }
  const auto node = std::make_shared<rclcpp::Node>("pixel_to_world_example");
  const auto client = node->create_client<PixelToWorld>("pixel_to_world");
  if (!client->wait_for_service(10s)) {
    RCLCPP_ERROR(node->get_logger(), "pixel_to_world is not offered: is calibration_node running, in this namespace?");
    return EXIT_FAILURE;
  }

  const auto request = std::make_shared<PixelToWorld::Request>();
  // The stamp stays zero: the tool's latest pose. Pixels of an image need its header.stamp.
  request->header.frame_id = arguments.size() == 6 ? arguments[5] : "";
  request->camera = "stereo";
  request->left.resize(1);
  request->right.resize(1);
  request->left[0].u = std::atof(arguments[1].c_str());
  request->left[0].v = std::atof(arguments[2].c_str());
  request->right[0].u = std::atof(arguments[3].c_str());
  request->right[0].v = std::atof(arguments[4].c_str());
  request->pixel_sigma = 0.1;

  // Fast DDS may lose the answer to a client that the node has only just found: ask again.
  PixelToWorld::Response::SharedPtr response;
  for (int attempt = 0; attempt < 3 && !response; ++attempt) {
    auto future = client->async_send_request(request);
    if (rclcpp::spin_until_future_complete(node, future, 5s) == rclcpp::FutureReturnCode::SUCCESS) {
      response = future.get();
    }
  }
  if (!response || response->answers.empty()) {
    RCLCPP_ERROR(node->get_logger(), "pixel_to_world did not answer within 15 s");
    return EXIT_FAILURE;
  }

  const auto & answer = response->answers[0];
  if (answer.status != PointEstimate::OK && answer.status != PointEstimate::OUTSIDE_VOLUME) {
    RCLCPP_ERROR(node->get_logger(), "%s", response->message.c_str());
    return EXIT_FAILURE;
  }
  const auto sigma_um = [&](int axis) { return 1e6 * std::sqrt(answer.covariance[4 * axis]); };
  std::printf(
    "x %.6f  y %.6f  z %.6f m in %s\n", answer.point.x, answer.point.y, answer.point.z,
    response->header.frame_id.c_str());
  std::printf("standard deviations %.1f  %.1f  %.1f um\n", sigma_um(0), sigma_um(1), sigma_um(2));
  rclcpp::shutdown();
  return EXIT_SUCCESS;
}
