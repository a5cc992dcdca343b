#include "images/market/product_code.hpp"

#include <fmt/format.h>

#include "base/statement.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

namespace {

ProductCodes by_resource(Session& session, const char* condition,
                         const std::vector<SqlParameter>& parameters) {
    Statement rows(session,
                   fmt::format("select resource_id, product_code from resource_product_codes{}"
                               " order by product_code",
                               condition),
                   parameters, {ColumnType::text, ColumnType::text});
    ProductCodes codes;
    while (rows.next())
        codes[rows.text(0)].push_back(rows.text(1));
    return codes;
}

}  // namespace

std::vector<std::string> product_codes_of(Session& session, const std::string& resource_id) {
    Statement rows(session,
                   "select product_code from resource_product_codes where resource_id = :id"
                   " order by product_code",
                   {{"id", resource_id}}, {ColumnType::text});
    std::vector<std::string> codes;
    while (rows.next())
        codes.push_back(rows.text(0));
    return codes;
}

ProductCodes all_product_codes(Session& session) {
    return by_resource(session, "", {});
}

const std::vector<std::string>& product_codes_of(const ProductCodes& codes,
                                                 const std::string& resource_id) {
    static const std::vector<std::string> none;
    const auto found = codes.find(resource_id);
    return found == codes.end() ? none : found->second;
}

ProductCodes instance_product_codes(Session& session, const Scope& scope) {
    return by_resource(session,
                       " join instances on instance_id = resource_id"
                       " where owner = :owner and region = :region",
                       {{"owner", scope.owner.str()}, {"region", scope.region}});
}

void add_product_codes(Session& session, const std::string& resource_id,
                       const std::vector<std::string>& codes) {
    for (const std::string& code : codes) {
        run_sql(session,
                "insert into resource_product_codes (resource_id, product_code)"
                " values (:id, :code) on conflict do nothing",
                {{"id", resource_id}, {"code", code}});
    }
}

void inherit_product_codes(Session& session, const std::string& from, const std::string& to) {
    add_product_codes(session, to, product_codes_of(session, from));
}

void inherit_product_codes(Session& session, const Image& image) {
    for (const ImageBlockDevice& device : image.block_devices)
        if (device.snapshot) inherit_product_codes(session, device.snapshot->str(), image.id.str());
}

}  // namespace kiln::images
