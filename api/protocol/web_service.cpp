#include "api/protocol/web_service.hpp"

namespace kiln::api {

const WebService* find_web_service(std::string_view name) {
    for (const WebService* service : {&ec2_service, &sts_service, &iam_service})
        if (service->name == name) return service;
    return nullptr;
}

}  // namespace kiln::api
