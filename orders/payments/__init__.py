"""Payment providers behind one interface: the simulator today, WeChat Pay and Alipay by the same shape.

A provider speaks its service's language (signatures, statuses, addresses) and knows nothing of orders' rules;
`orders.paying` knows the rules and nothing of any service. Which providers a site has is `settings.PAYMENT_PROVIDERS`.
"""
