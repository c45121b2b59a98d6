"""Words that carry grammar rather than meaning; they are not indexed."""

from __future__ import annotations

from collections.abc import Mapping

_EN = """
a about above after again against all also am an and any are as at be because been before being
below between both but by can could did do does doing down during each few for from further had
has have having he her here hers herself him himself his how i if in into is it its itself just
me more most my myself no nor not now of off on once only or other our ours ourselves out over
own s same she should so some such t than that the their theirs them themselves then there these
they this those through to too under until up very was we were what when where which while who
whom why will with would you your yours yourself yourselves
"""

_DE = """
aber alle allem allen aller alles als also am an andere anderem anderen anderer anderes auch auf
aus bei beim bin bis bist da dabei damit danach dann das dass dasselbe dazu dein deine deinem
deinen deiner dem den denn der deren des dessen dich die dies diese dieselbe diesem diesen dieser
dieses dir doch dort du durch ein eine einem einen einer eines einige einigem einigen einiger
einiges er es etwas euch euer eure eurem euren eurer für gegen gewesen hab habe haben hat hatte
hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in indem ins ist ja jede
jedem jeden jeder jedes jene jenem jenen jener jenes jetzt kann kein keine keinem keinen keiner
können könnte machen man manche manchem manchen mancher manches mein meine meinem meinen meiner
mich mir mit muss musste nach nicht nichts noch nun nur ob oder ohne sehr sein seine seinem seinen
seiner seit selbst sich sie sind so solche solchem solchen solcher solches soll sollte sondern
sonst über um und uns unser unsere unserem unseren unserer unter viel vom von vor während war
waren warst was weg weil weiter welche welchem welchen welcher welches wenn werde werden wie
wieder will wir wird wirst wo wollen wollte würde würden zu zum zur zwar zwischen
"""

_ES = """
a al algo algunas algunos ante antes aquel aquella aquellas aquello aquellos así aunque cada como
con contra cual cuales cuando de del desde donde dos durante e el él ella ellas ello ellos en
entre era eran es esa esas ese eso esos esta está están estar estas este esto estos fue fueron ha
había habían han hasta hay la las le les lo los más me mi mí mientras mis mismo mucho muchos muy
nada ni no nos nosotras nosotros nuestra nuestras nuestro nuestros o os otra otras otro otros para
pero poco por porque pues que qué quien quienes se sea ser si sí sido sin sino sobre son soy su
sus suya suyas suyo suyos también tan tanto te ti tiene tienen todo todos tu tú tus tuya tuyo un
una unas uno unos vosotras vosotros vuestra vuestro y ya yo
"""

STOP_WORDS: Mapping[str, frozenset[str]] = {
    "de": frozenset(_DE.split()),
    "en": frozenset(_EN.split()),
    "es": frozenset(_ES.split()),
}
