"""Short texts that people and models wrote, as a reader would meet them."""

HUMAN = (
    "We drove up past the old mill on Saturday because Dad wanted to see whether the heron was still about. It wasn't. "
    "He sulked a bit, then found a fiver in the glovebox and cheered right up, so we had chips on the wall by the weir "
    "and watched some lads fail to launch a canoe. Mum rang twice. The second time she'd forgotten why.",
    "Sir, Your leader of the 14th says the ferry was late on nine mornings. I kept a tally, being idle since my knee: it "
    "was late on thirteen, early on one, and on the Tuesday it never came, which I suppose is neither. The clerk tells me "
    "nobody has complained. I am complaining now, and I should like it written down somewhere.",
)
MODEL = (
    "Effective communication is essential for building strong relationships in both personal and professional settings. "
    "By actively listening, expressing empathy, and providing clear and concise information, individuals can foster "
    "mutual understanding and trust. Additionally, it is important to be mindful of nonverbal cues, as they can "
    "significantly impact how a message is received. Overall, developing these skills can lead to improved collaboration "
    "and a more positive environment for everyone involved.",
    "There are several key factors to consider when choosing a renewable energy source for your home. Firstly, it is "
    "important to assess your energy needs and the available resources in your area. Solar panels, for example, are a "
    "popular choice due to their versatility and relatively low maintenance requirements. Additionally, wind turbines "
    "can provide a reliable source of power in regions with consistent wind patterns. Ultimately, the best option will "
    "depend on your specific circumstances, budget, and long-term sustainability goals.",
    "In conclusion, artificial intelligence has the potential to revolutionize a wide range of industries, from "
    "healthcare to finance. However, it is crucial to address the ethical considerations associated with its use, "
    "including privacy, bias, and accountability. By promoting transparency and collaboration among stakeholders, we can "
    "ensure that these technologies are developed and deployed responsibly, ultimately benefiting society as a whole.",
)
