"""The table of words by which product types become departments; a shop adds to it or overrides it.

Lower case, English, German, French and Italian. The head of a phrase decides: a shirt dress is a dress, a
dress shirt is a top. See :mod:`recommender.departments`.
"""

from collections.abc import Mapping
from typing import Final

from recommender.departments.codes import AgeGroup, Family, Gender

FAMILY_WORDS: Final[Mapping[Family, str]] = {
    Family.DRESSES: "dress dresses gown gowns frock frocks jumpsuit jumpsuits romper rompers playsuit playsuits "
    "overalls dungarees shirtdress sundress minidress ballgown kaftan caftan onesie "
    "bodysuits sari kleid kleider overall robe robes combinaison vestito vestiti abito abiti tuta salopette",
    Family.TOPS: "top tops shirt shirts blouse blouses t-shirt t-shirts tshirt tshirts tee tees cami camisole "
    "sweater sweaters sweatshirt sweatshirts sweatershirt hoodie hoodies pullover pullovers jumper jumpers cardigan "
    "cardigans tunic tunics turtleneck henley polos knitwear buttondown overshirt bodysuit crewneck "
    "hemd hemden bluse blusen oberteil oberteile strickjacke chemise chemises chemisier haut hauts tricot tricots "
    "pull pulls maglia maglie maglione maglioni camicia camicie camicetta felpa felpe",
    Family.BOTTOMS: "pants pant trousers trouser jeans jean skirt skirts shorts short leggings legging chinos "
    "chino culottes culotte joggers jogger sweatpants skort skorts cargos slacks bottoms capri capris "
    "hose hosen rock röcke jeanshose pantalon pantalons jupe jupes pantaloni pantalone gonna gonne bermuda",
    Family.OUTERWEAR: "coat coats jacket jackets blazer blazers parka parkas trench vest vests bomber capes "
    "poncho ponchos peacoat overcoat raincoat duster anorak windbreaker gilet waistcoat kimono blouson outerwear "
    "suit suits tuxedo tuxedos mantel mäntel jacke jacken anzug anzüge weste manteau manteaux veste vestes blousons "
    "doudoune cappotto cappotti giacca giacche giubbotto giubbotti piumino",
    Family.SHOES: "shoe shoes boot boots bootie booties sneaker sneakers trainer trainers sandal sandals heel heels "
    "pump pumps loafer loafers flip-flops flip-flop slipper slippers clog clogs mule mules moccasin "
    "moccasins espadrille espadrilles oxfords brogues ballerinas wedges schuh schuhe stiefel stiefelette "
    "stiefeletten sandale sandalen turnschuhe chaussure chaussures botte bottes bottines baskets sandales scarpe "
    "scarpa stivali stivaletti sandali",
    Family.BRAS: "bra bras bralette bralettes brassiere bh bhs büstenhalter soutien-gorge soutiens-gorge reggiseno "
    "reggiseni",
    Family.UNDERWEAR: "underwear panty panties briefs brief boxers boxer knickers thong thongs lingerie undershirt "
    "undershirts shapewear slip slips undergarments unterwäsche unterhose unterhosen intimo mutande",
    Family.SWIMWEAR: "swimwear swimsuit swimsuits bikini bikinis trunks tankini boardshorts badeanzug bademode "
    "badehose maillot maillots",
    Family.HOSIERY: "sock socks tights tight stocking stockings hosiery pantyhose socken strumpf strümpfe "
    "strumpfhose strumpfhosen chaussette chaussettes collant collants calze calzini",
    Family.SLEEPWEAR: "pajama pajamas pyjama pyjamas nightgown nightgowns nightdress nightshirt nightshirts sleepwear "
    "loungewear bathrobe bathrobes schlafanzug nachthemd pigiama",
    Family.HEADWEAR: "hat hats cap caps beanie beanies headwear mütze mützen hut hüte chapeau chapeaux bonnet "
    "cappello cappelli",
    Family.GLOVES: "glove gloves mitten mittens handschuh handschuhe gant gants guanti",
    Family.BELTS: "belt belts gürtel ceinture ceintures cintura cinture",
    Family.JEWELRY: "jewelry jewellery ring rings necklace necklaces bracelet bracelets earring earrings watch watches "
    "schmuck bijoux gioielli",
    Family.ACCESSORIES: "bag bags handbag handbags backpack backpacks wallet wallets purse purses clutch scarf scarves "
    "tie ties sunglasses umbrella umbrellas tasche taschen schal schals tuch sac sacs écharpe foulard borsa borse "
    "sciarpa accessories accessory accessoires accessori polish rack insole insoles laces hanger hangers",
}
"""Words of ``product_type`` and ``google_product_category`` (lower case, English, German, French, Italian)."""

WEAK_WORDS: Final[Mapping[Family, str]] = {
    Family.DRESSES: "sheath shift maxi mini midi",
    Family.TOPS: "tank knit knits polo print",
    Family.BOTTOMS: "denim",
    Family.OUTERWEAR: "down cape",
    Family.SHOES: "flat flats heel heels",
    Family.SWIMWEAR: "swim",
}
"""Words that name a garment only where no other word does ("midi" alone is a dress, a midi skirt is none)."""

SUFFIXES: Final[Mapping[str, Family]] = {
    "kleid": Family.DRESSES,
    "kleider": Family.DRESSES,
    "hemd": Family.TOPS,
    "hemden": Family.TOPS,
    "shirt": Family.TOPS,
    "shirts": Family.TOPS,
    "bluse": Family.TOPS,
    "blusen": Family.TOPS,
    "pullover": Family.TOPS,
    "hose": Family.BOTTOMS,
    "hosen": Family.BOTTOMS,
    "röcke": Family.BOTTOMS,
    "jacke": Family.OUTERWEAR,
    "jacken": Family.OUTERWEAR,
    "mantel": Family.OUTERWEAR,
    "mäntel": Family.OUTERWEAR,
    "schuh": Family.SHOES,
    "schuhe": Family.SHOES,
    "stiefel": Family.SHOES,
    "sandalen": Family.SHOES,
    "tasche": Family.ACCESSORIES,
    "taschen": Family.ACCESSORIES,
    "mütze": Family.HEADWEAR,
    "mützen": Family.HEADWEAR,
    "socken": Family.HOSIERY,
}
"""Ends of compounds (German writes them as one word: Sommerkleid is a dress)."""

PHRASES: Final[Mapping[str, Family]] = {
    "dress shirt": Family.TOPS,
    "dress shirts": Family.TOPS,
    "shirt dress": Family.DRESSES,
    "shirt dresses": Family.DRESSES,
    "dress pants": Family.BOTTOMS,
    "dress trousers": Family.BOTTOMS,
    "dress shoe": Family.SHOES,
    "dress shoes": Family.SHOES,
    "dress shorts": Family.BOTTOMS,
    "night dress": Family.SLEEPWEAR,
    "night gown": Family.SLEEPWEAR,
    "tank top": Family.TOPS,
    "crop top": Family.TOPS,
    "down jacket": Family.OUTERWEAR,
    "button down": Family.TOPS,
    "suit jacket": Family.OUTERWEAR,
    "suit pants": Family.BOTTOMS,
    "suit trousers": Family.BOTTOMS,
    "sports bra": Family.BRAS,
    "bikini top": Family.SWIMWEAR,
    "bikini tops": Family.SWIMWEAR,
    "bikini bottom": Family.SWIMWEAR,
    "bikini bottoms": Family.SWIMWEAR,
    "swim shorts": Family.SWIMWEAR,
    "swim trunks": Family.SWIMWEAR,
    "bathing suit": Family.SWIMWEAR,
    "bathing suits": Family.SWIMWEAR,
    "costume da bagno": Family.SWIMWEAR,
    "maillot de bain": Family.SWIMWEAR,
    "maillots de bain": Family.SWIMWEAR,
    "boxer shorts": Family.UNDERWEAR,
    "sous vêtements": Family.UNDERWEAR,
    "pyjama bottoms": Family.SLEEPWEAR,
    "pyjama top": Family.SLEEPWEAR,
    "pajama bottoms": Family.SLEEPWEAR,
    "pajama top": Family.SLEEPWEAR,
    "knee socks": Family.HOSIERY,
    "tee shirt": Family.TOPS,
    "baby doll": Family.SLEEPWEAR,
    "robe de chambre": Family.SLEEPWEAR,
    "skirt suit": Family.OUTERWEAR,
}
"""Two words whose meaning the last one alone does not give."""

GENDER_WORDS: Final = {
    Gender.FEMALE: "female women woman womens women's ladies lady girls girl girl's damen frauen femme femmes donna donne "
    "mädchen fille filles",
    Gender.MALE: "male men man mens men's gentlemen boys boy boy's herren männer homme hommes uomo uomini jungen garçon "
    "garçons",
}
AGE_WORDS: Final = {
    AgeGroup.KIDS: "kids kid children child children's girls girl boys boy girl's boy's junior kinder mädchen jungen "
    "enfant enfants fille filles garçon garçons bambini bambino bambina",
    AgeGroup.TODDLER: "toddler toddlers kleinkinder",
    AgeGroup.INFANT: "infant infants baby babies bébé bébés neonati",
    AgeGroup.NEWBORN: "newborn newborns neugeborene",
}

GOOGLE_CATEGORIES: Final[Mapping[str, str]] = {
    "203": "outerwear",
    "204": "pants",
    "207": "shorts",
    "208": "sleepwear",
    "209": "socks",
    "211": "swimwear",
    "212": "tops",
    "214": "bras",
    "1581": "skirts",
    "1594": "suits",
    "187": "shoes",
    "2271": "dresses",
    "2562": "underwear",
    "167": "accessories",
    "169": "belts",
    "170": "gloves",
    "173": "hats",
    "188": "jewelry",
    "3032": "handbags",
    "5598": "jackets",
}
"""Ids of Google's product taxonomy (2021-09-21) for clothing and shoes, each with a word of ours."""
